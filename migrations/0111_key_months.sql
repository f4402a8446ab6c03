-- Months by project and key alone: what all tenants used by key is a row a key, where usage_monthly has one for each model and
-- host as well, fourteen times as many. A tenant's claims wait for each other at its budgets already, so its rows here make
-- nobody wait.

-- Calls that are being booked go by the functions as they were: they end first, and the next wait for the new ones at this
-- table, which apply_claims and book_generation touch before they call post_entries. None is folded into the old tables alone.
LOCK TABLE usage IN EXCLUSIVE MODE;

CREATE TABLE usage_key_monthly (
  tenant_id uuid NOT NULL,
  month timestamptz NOT NULL,
  project_id uuid NOT NULL,
  key_id uuid NOT NULL,
  requests bigint NOT NULL,
  failures bigint NOT NULL,
  prompt_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_pico numeric(30) NOT NULL,
  duration_ms bigint NOT NULL,
  durations numeric NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  uncosted_attempts bigint NOT NULL DEFAULT 0,
  provider_cost_pico numeric(30) NOT NULL DEFAULT 0,
  CONSTRAINT usage_key_monthly_pk PRIMARY KEY (tenant_id, month, project_id, key_id)
);
CREATE INDEX usage_key_monthly_month_idx ON usage_key_monthly USING brin (month) WITH (pages_per_range = 8, autosummarize = on);
ALTER TABLE usage_key_monthly ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON usage_key_monthly FOR ALL TO tg_app, tg_report USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON usage_key_monthly FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT ON usage_key_monthly TO tg_admin, tg_report;
GRANT SELECT, INSERT, UPDATE ON usage_key_monthly TO tg_app, tg_worker;

-- As in 0044, and the months by key. Rows are sorted by key before each upsert, so concurrent callers lock in one order.
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
  END
  $$;

-- Months of before. Forced row security binds the owner, who reads and folds them just here.
ALTER TABLE usage_monthly NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_key_monthly NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_key_monthly (tenant_id, month, project_id, key_id, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
SELECT m.tenant_id, m.month, m.project_id, m.key_id, sum(m.requests), sum(m.failures), sum(m.prompt_tokens), sum(m.completion_tokens), sum(m.cached_tokens), sum(m.reasoning_tokens), sum(m.cost_pico), sum(m.duration_ms), sum(m.durations), sum(m.attempts), sum(m.uncosted_attempts), sum(m.provider_cost_pico)
FROM usage_monthly m GROUP BY 1, 2, 3, 4 ORDER BY 2;
ALTER TABLE usage_monthly FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_key_monthly FORCE ROW LEVEL SECURITY;
