-- Tenants and what belongs to them. `tenant.id` is the tenant; every other table carries tenant_id, leads its keys
-- with it and is isolated by row security for tg_app. tg_admin and tg_worker act for all tenants by their role.
CREATE TABLE tenant (
  id uuid CONSTRAINT tenant_pk PRIMARY KEY,
  slug text NOT NULL CONSTRAINT tenant_slug_key UNIQUE CONSTRAINT tenant_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL,
  tier text NOT NULL,
  home_region text NOT NULL CONSTRAINT tenant_home_region_fk REFERENCES region (slug),
  allowed_regions text[] NOT NULL CONSTRAINT tenant_home_is_allowed CHECK (home_region = ANY (allowed_regions)),
  preferred_model text,
  currency text NOT NULL DEFAULT 'USD' CONSTRAINT tenant_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
  time_zone text NOT NULL DEFAULT 'UTC',
  billing text NOT NULL DEFAULT 'postpaid' CONSTRAINT tenant_billing_known CHECK (billing IN ('prepaid', 'postpaid')),
  max_budget_pico numeric(30) CONSTRAINT tenant_budget_positive CHECK (max_budget_pico >= 0),
  soft_budget_pico numeric(30) CONSTRAINT tenant_soft_positive CHECK (soft_budget_pico >= 0),
  budget_duration text NOT NULL DEFAULT 'month' CONSTRAINT tenant_duration_known CHECK (budget_duration IN ('day', 'week', 'month')),
  bucket smallint NOT NULL CONSTRAINT tenant_bucket_range CHECK (bucket BETWEEN 0 AND 63),
  auth_epoch bigint NOT NULL DEFAULT 1,
  is_suspended boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE account ADD CONSTRAINT account_tenant_fk FOREIGN KEY (tenant_id) REFERENCES tenant (id) ON DELETE CASCADE;

CREATE TABLE project (
  tenant_id uuid NOT NULL CONSTRAINT project_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  slug text NOT NULL CONSTRAINT project_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL,
  default_model text,
  allowed_models text[],
  max_budget_pico numeric(30) CONSTRAINT project_budget_positive CHECK (max_budget_pico >= 0),
  budget_duration text NOT NULL DEFAULT 'month' CONSTRAINT project_duration_known CHECK (budget_duration IN ('day', 'week', 'month')),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT project_pk PRIMARY KEY (tenant_id, id),
  CONSTRAINT project_slug_key UNIQUE (tenant_id, slug)
);

-- Only a keyed hash of an API key is stored; `public_id` is the part of it that may be shown and looked up.
CREATE TABLE api_key (
  tenant_id uuid NOT NULL CONSTRAINT api_key_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  public_id text NOT NULL CONSTRAINT api_key_public_id_key UNIQUE CONSTRAINT api_key_public_id_form CHECK (public_id ~ '^[0-9A-Za-z]{12}$'),
  key_hash bytea NOT NULL,
  pepper_version smallint NOT NULL,
  key_prefix text NOT NULL,
  name text NOT NULL,
  project_id uuid,
  allowed_models text[],
  allowed_regions text[],
  rpm_limit integer CONSTRAINT api_key_rpm_positive CHECK (rpm_limit > 0),
  tpm_limit bigint CONSTRAINT api_key_tpm_positive CHECK (tpm_limit > 0),
  max_parallel_requests integer CONSTRAINT api_key_parallel_positive CHECK (max_parallel_requests > 0),
  max_budget_pico numeric(30) CONSTRAINT api_key_budget_positive CHECK (max_budget_pico >= 0),
  budget_duration text NOT NULL DEFAULT 'month' CONSTRAINT api_key_duration_known CHECK (budget_duration IN ('day', 'week', 'month')),
  ip_cidrs text[],
  scopes text[] NOT NULL DEFAULT '{chat,models:read,report:read}',
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_on date,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT api_key_pk PRIMARY KEY (tenant_id, id),
  CONSTRAINT api_key_project_fk FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id) ON DELETE CASCADE
);

-- Friendly name → model. Platform and tier aliases have no tenant; a tenant sees those and its own.
CREATE TABLE alias (
  id uuid CONSTRAINT alias_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT alias_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  tier text,
  name text NOT NULL CONSTRAINT alias_name_form CHECK (length(name) BETWEEN 1 AND 100),
  target text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT alias_one_scope CHECK (tenant_id IS NULL OR tier IS NULL),
  CONSTRAINT alias_name_key UNIQUE NULLS NOT DISTINCT (tenant_id, tier, name)
);

-- Dated tariff row: never edited, only superseded by one with a later effective_at (ties: the later created_at).
-- pico per token is exact for prices of at most six decimals per million tokens.
CREATE TABLE price (
  id uuid CONSTRAINT price_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT price_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  model text NOT NULL,
  provider text,
  region text,
  tier text,
  effective_at timestamptz NOT NULL,
  currency text NOT NULL CONSTRAINT price_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
  input_pico bigint NOT NULL CONSTRAINT price_input_range CHECK (input_pico BETWEEN 0 AND 10000000000000),
  output_pico bigint NOT NULL CONSTRAINT price_output_range CHECK (output_pico BETWEEN 0 AND 10000000000000),
  cached_input_pico bigint CONSTRAINT price_cached_range CHECK (cached_input_pico BETWEEN 0 AND 10000000000000),
  cache_write_pico bigint CONSTRAINT price_cache_write_range CHECK (cache_write_pico BETWEEN 0 AND 10000000000000),
  reasoning_pico bigint CONSTRAINT price_reasoning_range CHECK (reasoning_pico BETWEEN 0 AND 10000000000000),
  per_request_pico bigint NOT NULL DEFAULT 0 CONSTRAINT price_request_range CHECK (per_request_pico BETWEEN 0 AND 10000000000000000),
  gpu_second_pico bigint CONSTRAINT price_gpu_range CHECK (gpu_second_pico BETWEEN 0 AND 10000000000000000),
  is_free boolean NOT NULL DEFAULT false,
  source text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX price_model_idx ON price (model, effective_at DESC);

-- One row per budget scope and period; `scope` is 'tenant', 'project:<id>' or 'key:<id>'. spent and version only grow
-- together, so a reader can tell which of two figures is newer (metering.md, absolute (spent, ver)).
CREATE TABLE budget_period (
  tenant_id uuid NOT NULL CONSTRAINT budget_period_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  scope text NOT NULL,
  period text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  spent_pico numeric(30) NOT NULL DEFAULT 0 CONSTRAINT budget_period_spent_positive CHECK (spent_pico >= 0),
  version bigint NOT NULL DEFAULT 0,
  CONSTRAINT budget_period_pk PRIMARY KEY (tenant_id, scope, period),
  CONSTRAINT budget_period_order CHECK (starts_at < ends_at)
);

ALTER TABLE tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenant FOR ALL TO tg_app, tg_report USING (id = current_tenant()) WITH CHECK (id = current_tenant());
CREATE POLICY all_tenants ON tenant FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['project', 'api_key', 'budget_period'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I FOR ALL TO tg_app, tg_report USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', relation);
    EXECUTE format('CREATE POLICY all_tenants ON %I FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true)', relation);
  END LOOP;
  FOREACH relation IN ARRAY ARRAY['alias', 'price'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I FOR SELECT TO tg_app, tg_report USING (tenant_id IS NULL OR tenant_id = current_tenant())', relation);
    EXECUTE format('CREATE POLICY all_tenants ON %I FOR ALL TO tg_admin, tg_worker, tg_owner USING (true) WITH CHECK (true)', relation);
  END LOOP;
END
$$;

GRANT SELECT ON tenant, project, alias, price TO tg_app, tg_worker;
GRANT SELECT, UPDATE (last_used_on) ON api_key TO tg_app;
GRANT SELECT, INSERT, UPDATE ON budget_period TO tg_app, tg_worker, tg_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant, project, api_key, alias TO tg_admin;
GRANT SELECT, INSERT ON price TO tg_admin;

-- Called by the guard (libs/tenants) before any tenant is known. Reviewed SECURITY DEFINER: it takes an exact public
-- id and answers at most that key, its tenant and the tenant's projects; FORCE row security binds the owner too,
-- hence its own read policies.
CREATE POLICY key_lookup ON tenant FOR SELECT TO tg_owner USING (true);
CREATE POLICY key_lookup ON project FOR SELECT TO tg_owner USING (true);
CREATE POLICY key_lookup ON api_key FOR SELECT TO tg_owner USING (true);

CREATE FUNCTION find_api_key(wanted_public_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$
    SELECT jsonb_build_object(
      'key', to_jsonb(k) || jsonb_build_object('key_hash', encode(k.key_hash, 'hex'), 'max_budget_pico', k.max_budget_pico::text),
      'tenant', to_jsonb(t) || jsonb_build_object('max_budget_pico', t.max_budget_pico::text, 'soft_budget_pico', t.soft_budget_pico::text),
      'projects', coalesce((SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('max_budget_pico', p.max_budget_pico::text)) FROM project p WHERE p.tenant_id = k.tenant_id), '[]'))
    FROM api_key k JOIN tenant t ON t.id = k.tenant_id
    WHERE k.public_id = wanted_public_id
  $$;
REVOKE ALL ON FUNCTION find_api_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key(text) TO tg_app;
