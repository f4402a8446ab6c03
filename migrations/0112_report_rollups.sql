-- Two rollups for reports, as measured by test/bench-report. What all tenants used together, by hour and currency: reports by
-- hour, by day and of everything read a row an hour where they read one for each tenant, however many tenants there are. And a
-- tenant's days by model: a row where usage_daily has one for each key and host as well, thirty times as many.

-- Calls that are being booked go by the functions as they were: they end first, and the next wait for the new ones at this
-- table, which apply_claims and book_generation touch before they call post_entries. None is folded into the old tables alone.
LOCK TABLE usage IN EXCLUSIVE MODE;

-- An hour has several rows, whose sum counts: a booking adds one of its own, so that tenants never wait for each other here,
-- and the worker merges them every few seconds (libs/usage/totals.store.ts). Nobody's row: only operators read it.
CREATE TABLE usage_total_hourly (
  id bigint GENERATED ALWAYS AS IDENTITY,
  currency text NOT NULL,
  hour timestamptz NOT NULL,
  is_merged boolean NOT NULL DEFAULT false,
  requests bigint NOT NULL,
  failures bigint NOT NULL,
  prompt_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_pico numeric(30) NOT NULL,
  duration_ms bigint NOT NULL,
  durations numeric NOT NULL,
  attempts bigint NOT NULL,
  uncosted_attempts bigint NOT NULL,
  provider_cost_pico numeric(30) NOT NULL,
  CONSTRAINT usage_total_hourly_pk PRIMARY KEY (id)
);
CREATE INDEX usage_total_hourly_hour_idx ON usage_total_hourly (hour);
CREATE INDEX usage_total_hourly_unmerged_idx ON usage_total_hourly (id) WHERE NOT is_merged;
ALTER TABLE usage_total_hourly ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY booking ON usage_total_hourly FOR INSERT TO tg_app WITH CHECK (current_tenant() IS NOT NULL);
CREATE POLICY all_tenants ON usage_total_hourly FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT INSERT ON usage_total_hourly TO tg_app;
GRANT SELECT ON usage_total_hourly TO tg_admin;
GRANT SELECT, INSERT, DELETE ON usage_total_hourly TO tg_worker;

-- A tenant's claims wait for each other at its budgets already, so its rows here make nobody wait.
CREATE TABLE usage_model_daily (
  tenant_id uuid NOT NULL,
  day timestamptz NOT NULL,
  model text NOT NULL,
  requests bigint NOT NULL,
  failures bigint NOT NULL,
  prompt_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_pico numeric(30) NOT NULL,
  duration_ms bigint NOT NULL,
  durations numeric NOT NULL,
  attempts bigint NOT NULL,
  uncosted_attempts bigint NOT NULL,
  provider_cost_pico numeric(30) NOT NULL,
  CONSTRAINT usage_model_daily_pk PRIMARY KEY (tenant_id, day, model)
);
CREATE INDEX usage_model_daily_day_idx ON usage_model_daily USING brin (day) WITH (pages_per_range = 8, autosummarize = on);
ALTER TABLE usage_model_daily ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON usage_model_daily FOR ALL TO tg_app, tg_report USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON usage_model_daily FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT ON usage_model_daily TO tg_admin, tg_report;
GRANT SELECT, INSERT, UPDATE ON usage_model_daily TO tg_app, tg_worker;

-- As in 0111, with both. Rows are sorted by key before each upsert, so concurrent callers lock in one order.
CREATE OR REPLACE FUNCTION post_entries(entries usage[], replaced usage[], attempted usage_hourly[]) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    folded usage_hourly[];
  BEGIN
    INSERT INTO ledger (tenant_id, day, rid, rank, delta_pico, recorded_at)
    SELECT e.tenant_id, e.day, e.rid, e.rank, e.amount_pico - coalesce(r.amount_pico, 0), now()
    FROM unnest(entries) e LEFT JOIN unnest(replaced) r ON r.day = e.day AND r.rid = e.rid
    ORDER BY e.day, e.rid;

    UPDATE budget_period b SET spent_pico = b.spent_pico + d.delta, version = b.version + 1
    FROM (
      SELECT m.tenant_id, split_part(budget, '|', 1) AS scope, split_part(budget, '|', 2) AS period, sum(m.amount_pico * m.sign) AS delta
      FROM (SELECT e.*, 1 AS sign FROM unnest(entries) e UNION ALL SELECT r.*, -1 FROM unnest(replaced) r) m, unnest(m.budgets) budget
      GROUP BY 1, 2, 3) d
    WHERE b.tenant_id = d.tenant_id AND b.scope = d.scope AND b.period = d.period;

    SELECT array_agg(f) INTO folded FROM fold_entries(entries, replaced, attempted) f;

    INSERT INTO usage_hourly AS r
    SELECT f.* FROM unnest(folded) f ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_hourly_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_daily AS r
    SELECT f.tenant_id, date_trunc('day', f.hour, 'UTC'), f.project_id, f.key_id, f.model, f.provider, f.region, f.host,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_daily_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_monthly AS r
    SELECT f.tenant_id, date_trunc('month', f.hour, 'UTC'), f.project_id, f.key_id, f.model, f.provider, f.region, f.host,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_monthly_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_key_monthly AS r
    SELECT f.tenant_id, date_trunc('month', f.hour, 'UTC'), f.project_id, f.key_id,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT usage_key_monthly_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_tenant_hourly AS r
    SELECT f.tenant_id, f.hour,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT ON CONSTRAINT usage_tenant_hourly_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_model_daily AS r
    SELECT f.tenant_id, date_trunc('day', f.hour, 'UTC'), f.model,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT ON CONSTRAINT usage_model_daily_pk DO UPDATE SET
      requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
      prompt_tokens = r.prompt_tokens + excluded.prompt_tokens, completion_tokens = r.completion_tokens + excluded.completion_tokens,
      cached_tokens = r.cached_tokens + excluded.cached_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = r.cost_pico + excluded.cost_pico, duration_ms = r.duration_ms + excluded.duration_ms, durations = r.durations + excluded.durations,
      attempts = r.attempts + excluded.attempts, uncosted_attempts = r.uncosted_attempts + excluded.uncosted_attempts,
      provider_cost_pico = r.provider_cost_pico + excluded.provider_cost_pico;

    INSERT INTO usage_total_hourly (currency, hour, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
    SELECT t.currency, f.hour,
      sum(f.requests), sum(f.failures), sum(f.prompt_tokens), sum(f.completion_tokens), sum(f.cached_tokens), sum(f.reasoning_tokens),
      sum(f.cost_pico), sum(f.duration_ms), sum(f.durations), sum(f.attempts), sum(f.uncosted_attempts), sum(f.provider_cost_pico)
    FROM unnest(folded) f JOIN tenant t ON t.id = f.tenant_id GROUP BY 1, 2;
  END
  $$;

-- Hours and days of before. Forced row security binds the owner, who folds them just here; tenants it may read (0003).
ALTER TABLE usage_tenant_hourly NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_total_hourly NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_total_hourly (currency, hour, is_merged, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
SELECT t.currency, h.hour, true,
  sum(h.requests), sum(h.failures), sum(h.prompt_tokens), sum(h.completion_tokens), sum(h.cached_tokens), sum(h.reasoning_tokens),
  sum(h.cost_pico), sum(h.duration_ms), sum(h.durations), sum(h.attempts), sum(h.uncosted_attempts), sum(h.provider_cost_pico)
FROM usage_tenant_hourly h JOIN tenant t ON t.id = h.tenant_id GROUP BY 1, 2 ORDER BY 2, 1;
ALTER TABLE usage_tenant_hourly FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_total_hourly FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_daily NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_model_daily NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_model_daily (tenant_id, day, model, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
SELECT d.tenant_id, d.day, d.model, sum(d.requests), sum(d.failures), sum(d.prompt_tokens), sum(d.completion_tokens), sum(d.cached_tokens), sum(d.reasoning_tokens), sum(d.cost_pico), sum(d.duration_ms), sum(d.durations), sum(d.attempts), sum(d.uncosted_attempts), sum(d.provider_cost_pico)
FROM usage_daily d GROUP BY 1, 2, 3 ORDER BY 2;
ALTER TABLE usage_daily FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_model_daily FORCE ROW LEVEL SECURITY;
