-- What happened (usage), what it moved (ledger), what it cost us (provider_cost) and the folds of it (rollups).
-- Partitioned by month of `day`, the UTC date the reserve script fixed. No privileges on partitions, only on parents:
-- row security of a parent does not protect a partition that is queried directly.
CREATE TABLE usage (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  rank smallint NOT NULL CONSTRAINT usage_rank_known CHECK (rank IN (0, 1)),
  amount_pico bigint NOT NULL CONSTRAINT usage_amount_range CHECK (amount_pico BETWEEN 0 AND 100000000000000000),
  budgets text[] NOT NULL,
  project_id uuid,
  key_id uuid NOT NULL,
  surface text NOT NULL,
  requested_model text NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  region text NOT NULL,
  host text NOT NULL,
  status text NOT NULL CONSTRAINT usage_status_known CHECK (status IN ('completed', 'failed', 'aborted', 'swept')),
  error_code text,
  finish_reason text,
  is_stream boolean NOT NULL,
  prompt_tokens bigint NOT NULL CONSTRAINT usage_prompt_range CHECK (prompt_tokens BETWEEN 0 AND 1000000000),
  completion_tokens bigint NOT NULL CONSTRAINT usage_completion_range CHECK (completion_tokens BETWEEN 0 AND 1000000000),
  cached_tokens bigint NOT NULL CONSTRAINT usage_cached_range CHECK (cached_tokens BETWEEN 0 AND prompt_tokens),
  cache_write_tokens bigint NOT NULL CONSTRAINT usage_cache_write_range CHECK (cache_write_tokens BETWEEN 0 AND prompt_tokens),
  reasoning_tokens bigint NOT NULL CONSTRAINT usage_reasoning_range CHECK (reasoning_tokens BETWEEN 0 AND completion_tokens),
  usage_source text NOT NULL CONSTRAINT usage_source_known CHECK (usage_source IN ('provider', 'estimated')),
  raw_usage text,
  flags text[] NOT NULL,
  price_id uuid,
  duration_ms integer NOT NULL CONSTRAINT usage_duration_positive CHECK (duration_ms >= 0),
  first_event_ms integer,
  attempts smallint NOT NULL,
  started_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  CONSTRAINT usage_pk PRIMARY KEY (day, rid)
) PARTITION BY RANGE (day);
CREATE INDEX usage_tenant_time_idx ON usage (tenant_id, started_at DESC, rid);

CREATE TABLE ledger (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  rank smallint NOT NULL,
  delta_pico bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  CONSTRAINT ledger_pk PRIMARY KEY (day, rid, rank)
) PARTITION BY RANGE (day);
CREATE INDEX ledger_tenant_day_idx ON ledger (tenant_id, day);

-- One row per attempt at an upstream, served or not: what an operator pays, apart from what a tenant is charged.
CREATE TABLE provider_cost (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  attempt smallint NOT NULL,
  host text NOT NULL,
  provider text NOT NULL,
  region text NOT NULL,
  model text NOT NULL,
  outcome text NOT NULL,
  duration_ms integer NOT NULL,
  cost_pico bigint,
  CONSTRAINT provider_cost_pk PRIMARY KEY (day, rid, attempt)
) PARTITION BY RANGE (day);

-- Hourly and daily folds, written in the transaction that writes the ledger: sums are equal at every commit.
-- `durations` counts completed calls by the bounds of libs/usage/domain/duration-histogram.ts.
CREATE TABLE usage_hourly (
  tenant_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  project_id uuid NOT NULL,
  key_id uuid NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  region text NOT NULL,
  host text NOT NULL,
  requests bigint NOT NULL,
  failures bigint NOT NULL,
  prompt_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_pico numeric(30) NOT NULL,
  duration_ms bigint NOT NULL,
  durations bigint[] NOT NULL,
  CONSTRAINT usage_hourly_pk PRIMARY KEY (tenant_id, hour, project_id, key_id, model, provider, region, host)
);
CREATE TABLE usage_daily (LIKE usage_hourly);
ALTER TABLE usage_daily RENAME COLUMN hour TO day;
ALTER TABLE usage_daily ADD CONSTRAINT usage_daily_pk PRIMARY KEY (tenant_id, day, project_id, key_id, model, provider, region, host);

-- Claims that could not be applied, kept until somebody resolves them. The tenant may be unknown: that is the point.
CREATE TABLE quarantine (
  id uuid CONSTRAINT quarantine_pk PRIMARY KEY,
  tenant_id uuid,
  claim text NOT NULL,
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['usage', 'ledger', 'provider_cost', 'usage_hourly', 'usage_daily'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I FOR ALL TO tg_app, tg_report USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', relation);
    EXECUTE format('CREATE POLICY all_tenants ON %I FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true)', relation);
    EXECUTE format('GRANT SELECT ON %I TO tg_admin, tg_report', relation);
  END LOOP;
END
$$;
ALTER TABLE quarantine ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON quarantine FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON quarantine TO tg_admin;
GRANT SELECT, INSERT ON quarantine TO tg_worker;

GRANT SELECT, INSERT, UPDATE ON usage, usage_hourly, usage_daily TO tg_app, tg_worker;
GRANT SELECT, INSERT ON ledger, provider_cost TO tg_app, tg_worker;

-- Called by `migrate` and daily by the worker. A partition is created detached and then attached, since CREATE …
-- PARTITION OF waits behind readers and ATTACH does not (F73). Months already there are left alone.
CREATE FUNCTION ensure_usage_partitions(from_day date, months integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
  AS $$
  DECLARE
    parent text;
    first_day date;
    made integer := 0;
    partition text;
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_usage_partitions'));
    FOR step IN 0..least(months, 24) LOOP
      first_day := (date_trunc('month', from_day) + make_interval(months => step))::date;
      FOREACH parent IN ARRAY ARRAY['usage', 'ledger', 'provider_cost'] LOOP
        partition := format('%s_%s', parent, to_char(first_day, 'YYYYMM'));
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, first_day, (first_day + interval '1 month')::date);
        made := made + 1;
      END LOOP;
    END LOOP;
    RETURN made;
  END
  $$;
REVOKE ALL ON FUNCTION ensure_usage_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_usage_partitions(date, integer) TO tg_worker;

CREATE TABLE usage_default PARTITION OF usage DEFAULT;
CREATE TABLE ledger_default PARTITION OF ledger DEFAULT;
CREATE TABLE provider_cost_default PARTITION OF provider_cost DEFAULT;
SELECT ensure_usage_partitions((now() AT TIME ZONE 'UTC')::date - 31, 4);
