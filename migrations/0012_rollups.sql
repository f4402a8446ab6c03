-- Rollups that a report over ten million rows can read in time, with what attempts cost folded in.

DROP FUNCTION post_entries(usage[], usage[]), fold_entries(usage[], usage[], text), add_counts(bigint[], bigint[]);

-- One call as a histogram. A histogram is one number of twelve fields, twelve digits each, the shortest durations in the
-- lowest: a single sum adds all twelve counts exactly. As an array of twelve it cost twelve sums a row and a third more
-- room, which was half the time of every report. Read by libs/usage/domain/duration-histogram.ts, which has the bounds too.
CREATE FUNCTION duration_count(ms integer) RETURNS numeric
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$
    SELECT CASE WHEN ms <= 10 THEN 1 WHEN ms <= 25 THEN 1e12 WHEN ms <= 50 THEN 1e24 WHEN ms <= 100 THEN 1e36 WHEN ms <= 250 THEN 1e48
      WHEN ms <= 500 THEN 1e60 WHEN ms <= 1000 THEN 1e72 WHEN ms <= 2500 THEN 1e84 WHEN ms <= 5000 THEN 1e96 WHEN ms <= 10000 THEN 1e108
      WHEN ms <= 30000 THEN 1e120 ELSE 1e132 END
  $$;

-- `attempts` count calls to upstreams and `uncosted_attempts` those whose cost nobody knows, as provider_cost has them:
-- by the host each attempt went to, in the hour its call began, under the model that the call is billed as.
DO $$
DECLARE
  rollup text;
BEGIN
  FOREACH rollup IN ARRAY ARRAY['usage_hourly', 'usage_daily'] LOOP
    EXECUTE format(
      'ALTER TABLE %I ALTER COLUMN durations TYPE numeric USING durations[1] + durations[2] * 1e12 + durations[3] * 1e24
         + durations[4] * 1e36 + durations[5] * 1e48 + durations[6] * 1e60 + durations[7] * 1e72 + durations[8] * 1e84
         + durations[9] * 1e96 + durations[10] * 1e108 + durations[11] * 1e120 + durations[12] * 1e132,
       ADD COLUMN attempts bigint NOT NULL DEFAULT 0, ADD COLUMN uncosted_attempts bigint NOT NULL DEFAULT 0,
       ADD COLUMN provider_cost_pico numeric(30) NOT NULL DEFAULT 0', rollup);
  END LOOP;
END
$$;
-- For reports over all tenants; the primary keys serve one tenant. Days are few and want an exact index; hours are many,
-- come in the order of time and are asked for by the edge of a report, so the smallest index will do.
CREATE INDEX usage_daily_day_idx ON usage_daily (day);
CREATE INDEX usage_hourly_hour_idx ON usage_hourly USING brin (hour) WITH (pages_per_range = 32, autosummarize = on);

-- What usage.amount_pico holds to holds for costs as well: nothing negative, nothing absurd. Older rows stay as they are.
ALTER TABLE provider_cost ADD CONSTRAINT provider_cost_amount_range CHECK (cost_pico BETWEEN 0 AND 100000000000000000) NOT VALID;

-- As in 0005; here provider_cost comes before the rollups, so that they fold exactly the attempts it took.
CREATE OR REPLACE FUNCTION apply_claims(claims jsonb)
  RETURNS TABLE (tenant_id uuid, scope text, period text, spent_pico numeric, version bigint)
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  #variable_conflict use_column
  DECLARE
    entries usage[];
    named text[];
    added usage[];
    replaced usage[];
    upgraded usage[];
    attempted usage_hourly[];
  BEGIN
    -- Read once: the rows as they are to be, in the order they are locked, and the distinct budgets they name.
    SELECT coalesce(array_agg(c ORDER BY c.day, c.rid), '{}') INTO entries FROM jsonb_populate_recordset(jsonb_populate_record(null::usage, jsonb_build_object('recorded_at', now())), claims) c;
    SELECT coalesce(array_agg(DISTINCT e.tenant_id || '|' || budget), '{}') INTO named FROM unnest(entries) e, unnest(e.budgets) budget;

    PERFORM 1 FROM budget_period b JOIN unnest(named) n
      ON b.tenant_id = split_part(n, '|', 1)::uuid AND b.scope = split_part(n, '|', 2) AND b.period = split_part(n, '|', 3)
      ORDER BY b.tenant_id, b.scope, b.period FOR UPDATE OF b;

    WITH inserted AS (
      INSERT INTO usage SELECT e.* FROM unnest(entries) e
      ON CONFLICT (day, rid) DO NOTHING RETURNING usage AS entry)
    SELECT coalesce(array_agg(entry), '{}') INTO added FROM inserted;

    IF cardinality(added) < cardinality(entries) THEN
      SELECT coalesce(array_agg(entry), '{}') INTO replaced FROM (
        SELECT u AS entry FROM usage u JOIN unnest(entries) c ON c.day = u.day AND c.rid = u.rid
        WHERE u.rank < c.rank ORDER BY u.day, u.rid FOR UPDATE OF u) held;
      WITH changed AS (
        UPDATE usage u SET rank = c.rank, amount_pico = c.amount_pico, provider = c.provider, region = c.region, host = c.host,
          status = c.status, error_code = c.error_code, finish_reason = c.finish_reason, prompt_tokens = c.prompt_tokens,
          completion_tokens = c.completion_tokens, cached_tokens = c.cached_tokens, cache_write_tokens = c.cache_write_tokens,
          reasoning_tokens = c.reasoning_tokens, usage_source = c.usage_source, raw_usage = c.raw_usage, flags = c.flags,
          price_id = c.price_id, duration_ms = c.duration_ms, first_event_ms = c.first_event_ms, attempts = c.attempts, recorded_at = now()
        FROM unnest(entries) c
        WHERE c.day = u.day AND c.rid = u.rid AND u.rank < c.rank RETURNING u AS entry)
      SELECT coalesce(array_agg(entry), '{}') INTO upgraded FROM changed;
    ELSE
      replaced := '{}';
      upgraded := '{}';
    END IF;

    WITH tried AS (
      SELECT (c ->> 'tenant_id')::uuid AS tenant_id, (c ->> 'day')::date AS day, (c ->> 'rid')::uuid AS rid, (c ->> 'started_at')::timestamptz AS started_at,
        (c ->> 'project_id')::uuid AS project_id, (c ->> 'key_id')::uuid AS key_id, c ->> 'model' AS billed_model, a.*
      FROM jsonb_array_elements(claims) c,
        jsonb_to_recordset(c -> 'provider_attempts') AS a(attempt smallint, host text, provider text, region text, model text, outcome text, duration_ms integer, cost_pico bigint)),
    taken AS (
      INSERT INTO provider_cost (tenant_id, day, rid, attempt, host, provider, region, model, outcome, duration_ms, cost_pico)
      SELECT t.tenant_id, t.day, t.rid, t.attempt, t.host, t.provider, t.region, t.model, t.outcome, t.duration_ms, t.cost_pico FROM tried t
      ON CONFLICT DO NOTHING RETURNING day, rid, attempt)
    SELECT coalesce(array_agg((t.tenant_id, date_trunc('hour', t.started_at, 'UTC'), coalesce(t.project_id, '00000000-0000-0000-0000-000000000000'), t.key_id,
        t.billed_model, t.provider, t.region, t.host, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (t.cost_pico IS NULL)::integer, coalesce(t.cost_pico, 0))::usage_hourly), '{}')
      INTO attempted FROM tried t JOIN taken USING (day, rid, attempt);

    PERFORM post_entries(added || upgraded, replaced, attempted);

    RETURN QUERY SELECT b.tenant_id, b.scope, b.period, b.spent_pico, b.version FROM budget_period b JOIN unnest(named) n
      ON b.tenant_id = split_part(n, '|', 1)::uuid AND b.scope = split_part(n, '|', 2) AND b.period = split_part(n, '|', 3);
  END
  $$;

-- Posts the difference between `entries` and the rows they replace to ledger, budgets and both rollups, and `attempted`
-- (one row an attempt) to the rollups. Only apply_claims calls it. Rows are sorted by key before each upsert, so
-- concurrent callers lock in one order; the day is folded from the hours, so the calls are read once.
CREATE FUNCTION post_entries(entries usage[], replaced usage[], attempted usage_hourly[]) RETURNS void
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
  END
  $$;

-- Signed fold by UTC hour of entries (+), of the rows they replace (−) and of attempts.
CREATE FUNCTION fold_entries(entries usage[], replaced usage[], attempted usage_hourly[]) RETURNS SETOF usage_hourly
  LANGUAGE sql STABLE SET search_path = public, pg_temp
  AS $$
    SELECT p.tenant_id, p.hour, p.project_id, p.key_id, p.model, p.provider, p.region, p.host,
      sum(p.requests)::bigint, sum(p.failures)::bigint, sum(p.prompt_tokens)::bigint, sum(p.completion_tokens)::bigint,
      sum(p.cached_tokens)::bigint, sum(p.reasoning_tokens)::bigint, sum(p.cost_pico), sum(p.duration_ms)::bigint, sum(p.durations),
      sum(p.attempts)::bigint, sum(p.uncosted_attempts)::bigint, sum(p.provider_cost_pico)
    FROM (
      SELECT m.tenant_id, date_trunc('hour', m.started_at, 'UTC') AS hour, coalesce(m.project_id, '00000000-0000-0000-0000-000000000000') AS project_id, m.key_id,
        m.model, m.provider, m.region, m.host, m.sign AS requests, CASE WHEN m.status = 'failed' THEN m.sign ELSE 0 END AS failures,
        m.sign * m.prompt_tokens AS prompt_tokens, m.sign * m.completion_tokens AS completion_tokens, m.sign * m.cached_tokens AS cached_tokens,
        m.sign * m.reasoning_tokens AS reasoning_tokens, m.sign * m.amount_pico::numeric AS cost_pico, m.sign * m.duration_ms::bigint AS duration_ms,
        m.sign * duration_count(m.duration_ms) AS durations, 0 AS attempts, 0 AS uncosted_attempts, 0 AS provider_cost_pico
      FROM (SELECT e.*, 1 AS sign FROM unnest(entries) e UNION ALL SELECT r.*, -1 FROM unnest(replaced) r) m
      UNION ALL SELECT a.* FROM unnest(attempted) a) p
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  $$;

REVOKE ALL ON FUNCTION duration_count(integer), post_entries(usage[], usage[], usage_hourly[]), fold_entries(usage[], usage[], usage_hourly[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_entries(usage[], usage[], usage_hourly[]), fold_entries(usage[], usage[], usage_hourly[]) TO tg_app, tg_worker;
-- Reports count the calls of an hour that a day or period divides.
GRANT EXECUTE ON FUNCTION duration_count(integer) TO tg_app, tg_worker, tg_admin, tg_report;

-- Attempts of before. Forced row security binds the owner, who reads and folds them just here.
DO $$
DECLARE
  relation text;
  rollup text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['usage', 'provider_cost', 'usage_hourly', 'usage_daily'] LOOP
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', relation);
  END LOOP;
  FOREACH rollup IN ARRAY ARRAY['hour', 'day'] LOOP
    EXECUTE format(
      'INSERT INTO %1$I AS r
       SELECT u.tenant_id, date_trunc(%2$L, u.started_at, ''UTC''), coalesce(u.project_id, ''00000000-0000-0000-0000-000000000000''), u.key_id, u.model, a.provider, a.region, a.host,
         0, 0, 0, 0, 0, 0, 0, 0, 0, count(*), count(*) - count(a.cost_pico), coalesce(sum(a.cost_pico), 0)
       FROM provider_cost a JOIN usage u ON u.day = a.day AND u.rid = a.rid GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
       ON CONFLICT ON CONSTRAINT %3$I DO UPDATE SET attempts = excluded.attempts, uncosted_attempts = excluded.uncosted_attempts, provider_cost_pico = excluded.provider_cost_pico',
      CASE rollup WHEN 'hour' THEN 'usage_hourly' ELSE 'usage_daily' END, rollup, CASE rollup WHEN 'hour' THEN 'usage_hourly_pk' ELSE 'usage_daily_pk' END);
  END LOOP;
  FOREACH relation IN ARRAY ARRAY['usage', 'provider_cost', 'usage_hourly', 'usage_daily'] LOOP
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
  END LOOP;
END
$$;
