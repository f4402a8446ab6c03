-- Tables of the platform itself: no tenant owns a row. Everybody may read them (policy platform_read), only the
-- control plane writes; row security is on all the same, so that no relation is granted without it.
CREATE TABLE region (
  slug text CONSTRAINT region_pk PRIMARY KEY CONSTRAINT region_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL
);

-- Rough network distance between regions in milliseconds of round trip: the order in which others are tried.
CREATE TABLE region_distance (
  from_region text NOT NULL CONSTRAINT region_distance_from_fk REFERENCES region (slug),
  to_region text NOT NULL CONSTRAINT region_distance_to_fk REFERENCES region (slug),
  distance_ms integer NOT NULL CONSTRAINT region_distance_positive CHECK (distance_ms > 0),
  CONSTRAINT region_distance_pk PRIMARY KEY (from_region, to_region)
);

-- A tier is versioned: a change is a new row, the highest version is in force.
CREATE TABLE tier (
  slug text NOT NULL CONSTRAINT tier_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  version integer NOT NULL CONSTRAINT tier_version_positive CHECK (version > 0),
  name text NOT NULL,
  models text[] NOT NULL,
  denied_models text[] NOT NULL DEFAULT '{}',
  regions text[] NOT NULL DEFAULT '{}',
  features jsonb NOT NULL DEFAULT '{}',
  rpm_limit integer CONSTRAINT tier_rpm_positive CHECK (rpm_limit > 0),
  tpm_limit bigint CONSTRAINT tier_tpm_positive CHECK (tpm_limit > 0),
  max_parallel_requests integer CONSTRAINT tier_parallel_positive CHECK (max_parallel_requests > 0),
  queue_weight integer NOT NULL DEFAULT 1 CONSTRAINT tier_weight_positive CHECK (queue_weight > 0),
  max_output_tokens integer NOT NULL CONSTRAINT tier_output_positive CHECK (max_output_tokens > 0),
  max_budget_pico numeric(30) CONSTRAINT tier_budget_positive CHECK (max_budget_pico > 0),
  soft_budget_pico numeric(30) CONSTRAINT tier_soft_positive CHECK (soft_budget_pico > 0),
  budget_duration text NOT NULL DEFAULT 'month' CONSTRAINT tier_duration_known CHECK (budget_duration IN ('day', 'week', 'month')),
  default_model text,
  cut_stream_policy text NOT NULL DEFAULT 'none' CONSTRAINT tier_cut_policy_known CHECK (cut_stream_policy IN ('none', 'delivered')),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT tier_pk PRIMARY KEY (slug, version)
);

CREATE TABLE host (
  id uuid CONSTRAINT host_pk PRIMARY KEY,
  name text NOT NULL CONSTRAINT host_name_key UNIQUE CONSTRAINT host_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  region text NOT NULL CONSTRAINT host_region_fk REFERENCES region (slug),
  provider text NOT NULL,
  base_url text NOT NULL,
  max_parallel integer NOT NULL DEFAULT 4 CONSTRAINT host_parallel_positive CHECK (max_parallel > 0),
  weight integer NOT NULL DEFAULT 1 CONSTRAINT host_weight_positive CHECK (weight > 0),
  cost_per_hour_pico numeric(30) CONSTRAINT host_cost_positive CHECK (cost_per_hour_pico >= 0),
  vram_bytes bigint CONSTRAINT host_vram_positive CHECK (vram_bytes > 0),
  enabled boolean NOT NULL DEFAULT true,
  drain boolean NOT NULL DEFAULT true,
  is_sandbox boolean NOT NULL DEFAULT false,
  -- envelope of platform/secrets: never selected by list queries
  secret bytea,
  secret_hint text,
  status text NOT NULL DEFAULT 'unknown' CONSTRAINT host_status_known CHECK (status IN ('unknown', 'healthy', 'degraded', 'unhealthy')),
  version text,
  last_probe_at timestamptz,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Catalogue entry; `name` is canonical (no ":latest"). Sizes and details of local models follow the hosts.
CREATE TABLE model (
  name text CONSTRAINT model_pk PRIMARY KEY CONSTRAINT model_name_form CHECK (length(name) BETWEEN 1 AND 200),
  display_name text NOT NULL,
  description text NOT NULL DEFAULT '',
  version text,
  base_model text,
  context_length integer CONSTRAINT model_context_positive CHECK (context_length > 0),
  max_output_tokens integer CONSTRAINT model_output_positive CHECK (max_output_tokens > 0),
  capabilities jsonb NOT NULL DEFAULT '{}',
  details jsonb NOT NULL DEFAULT '{}',
  size_bytes bigint,
  is_free boolean NOT NULL DEFAULT false,
  show_in_ui boolean NOT NULL DEFAULT true,
  auto_preload boolean NOT NULL DEFAULT false,
  labels jsonb NOT NULL DEFAULT '{}',
  origin text NOT NULL CONSTRAINT model_origin_known CHECK (origin IN ('operator', 'discovered')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- A model present on a host, as the last discovery saw it. A row that discovery no longer sees is deleted.
CREATE TABLE deployment (
  host_id uuid NOT NULL CONSTRAINT deployment_host_fk REFERENCES host (id) ON DELETE CASCADE,
  model text NOT NULL,
  upstream_name text NOT NULL,
  digest text,
  size_bytes bigint,
  modified_at timestamptz,
  details jsonb NOT NULL DEFAULT '{}',
  capabilities jsonb NOT NULL DEFAULT '[]',
  seen_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT deployment_pk PRIMARY KEY (host_id, model)
);
CREATE INDEX deployment_model_idx ON deployment (model);

-- People. Platform roles have no tenant; the same table serves log-in before any tenant is known, so only the
-- control plane may read it.
CREATE TABLE account (
  id uuid CONSTRAINT account_pk PRIMARY KEY,
  tenant_id uuid,
  email text NOT NULL CONSTRAINT account_email_key UNIQUE CONSTRAINT account_email_lower CHECK (email = lower(email)),
  password_hash text NOT NULL,
  role text NOT NULL,
  is_disabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT account_role_known CHECK (
    (tenant_id IS NULL AND role IN ('owner', 'ops', 'billing', 'support'))
    OR (tenant_id IS NOT NULL AND role IN ('owner', 'admin', 'billing', 'developer', 'viewer')))
);

CREATE TABLE login_session (
  id uuid CONSTRAINT login_session_pk PRIMARY KEY,
  account_id uuid NOT NULL CONSTRAINT login_session_account_fk REFERENCES account (id) ON DELETE CASCADE,
  refresh_hash bytea NOT NULL CONSTRAINT login_session_refresh_key UNIQUE,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_session_account_idx ON login_session (account_id);

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['region', 'region_distance', 'tier', 'host', 'model', 'deployment'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY platform_read ON %I FOR SELECT TO tg_app, tg_report USING (true)', relation);
    EXECUTE format('CREATE POLICY platform_write ON %I FOR ALL TO tg_admin, tg_worker, tg_owner USING (true) WITH CHECK (true)', relation);
    EXECUTE format('GRANT SELECT ON %I TO tg_app', relation);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tg_admin', relation);
  END LOOP;
  FOREACH relation IN ARRAY ARRAY['account', 'login_session'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY people ON %I FOR ALL TO tg_admin USING (true) WITH CHECK (true)', relation);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tg_admin', relation);
  END LOOP;
END
$$;

-- The worker keeps what the hosts hold (discovery, probes), nothing else of the platform's.
GRANT SELECT ON region, region_distance, tier TO tg_worker;
GRANT SELECT, UPDATE ON host TO tg_worker;
GRANT SELECT, INSERT, UPDATE ON model TO tg_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON deployment TO tg_worker;
