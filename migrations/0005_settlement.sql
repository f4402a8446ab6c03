-- apply_claims: the one way a claim becomes usage, ledger, provider cost, rollups and spent budget, in one
-- transaction. Called by the worker (batches of the outbox, all tenants) and by a gateway (strict durability and the
-- fall-back while Redis is down, inside the tenant's context). Applying a claim again, or one of lower rank, changes
-- nothing; a higher rank replaces the row and posts the difference.
--
-- Locks: the budget rows first, sorted, so two callers never wait for each other in a circle; the primary key of
-- usage then serialises worker and direct path. READ COMMITTED gives each statement a new snapshot, which is why a
-- row that another transaction inserted meanwhile is seen by the second statement.
--
-- `claims` is an array of objects with the columns of usage, plus `provider_attempts`: the columns of provider_cost.
-- Answers the current (spent, version) of every budget named in any claim, changed or not.
CREATE FUNCTION apply_claims(claims jsonb)
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

    PERFORM post_entries(added || upgraded, replaced);

    INSERT INTO provider_cost (tenant_id, day, rid, attempt, host, provider, region, model, outcome, duration_ms, cost_pico)
    SELECT (c ->> 'tenant_id')::uuid, (c ->> 'day')::date, (c ->> 'rid')::uuid, a.attempt, a.host, a.provider, a.region, a.model, a.outcome, a.duration_ms, a.cost_pico
    FROM jsonb_array_elements(claims) c,
      jsonb_to_recordset(c -> 'provider_attempts') AS a(attempt smallint, host text, provider text, region text, model text, outcome text, duration_ms integer, cost_pico bigint)
    ON CONFLICT DO NOTHING;

    RETURN QUERY SELECT b.tenant_id, b.scope, b.period, b.spent_pico, b.version FROM budget_period b JOIN unnest(named) n
      ON b.tenant_id = split_part(n, '|', 1)::uuid AND b.scope = split_part(n, '|', 2) AND b.period = split_part(n, '|', 3);
  END
  $$;

-- Posts the difference between `entries` and the rows they replace to ledger, budgets and both rollups.
-- Only apply_claims calls it. Rows are sorted by key before each upsert, so concurrent callers lock in one order.
CREATE FUNCTION post_entries(entries usage[], replaced usage[]) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
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

    INSERT INTO usage_hourly AS h
    SELECT * FROM fold_entries(entries, replaced, 'hour') ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_hourly_pk DO UPDATE SET
      requests = h.requests + excluded.requests, failures = h.failures + excluded.failures,
      prompt_tokens = h.prompt_tokens + excluded.prompt_tokens, completion_tokens = h.completion_tokens + excluded.completion_tokens,
      cached_tokens = h.cached_tokens + excluded.cached_tokens, reasoning_tokens = h.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = h.cost_pico + excluded.cost_pico, duration_ms = h.duration_ms + excluded.duration_ms,
      durations = add_counts(h.durations, excluded.durations);

    INSERT INTO usage_daily AS h
    SELECT * FROM fold_entries(entries, replaced, 'day') ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_daily_pk DO UPDATE SET
      requests = h.requests + excluded.requests, failures = h.failures + excluded.failures,
      prompt_tokens = h.prompt_tokens + excluded.prompt_tokens, completion_tokens = h.completion_tokens + excluded.completion_tokens,
      cached_tokens = h.cached_tokens + excluded.cached_tokens, reasoning_tokens = h.reasoning_tokens + excluded.reasoning_tokens,
      cost_pico = h.cost_pico + excluded.cost_pico, duration_ms = h.duration_ms + excluded.duration_ms,
      durations = add_counts(h.durations, excluded.durations);
  END
  $$;

-- Element-wise sum of two histograms of twelve counts.
CREATE FUNCTION add_counts(a bigint[], b bigint[]) RETURNS bigint[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT ARRAY[a[1]+b[1], a[2]+b[2], a[3]+b[3], a[4]+b[4], a[5]+b[5], a[6]+b[6], a[7]+b[7], a[8]+b[8], a[9]+b[9], a[10]+b[10], a[11]+b[11], a[12]+b[12]] $$;

-- Signed fold of entries (+) and the rows they replace (−) by UTC hour or day, in the column order of the rollups.
-- Histogram bounds in ms: 10 25 50 100 250 500 1000 2500 5000 10000 30000 ∞ (libs/usage/domain/duration-histogram.ts).
CREATE FUNCTION fold_entries(entries usage[], replaced usage[], unit text) RETURNS SETOF usage_hourly
  LANGUAGE sql STABLE SET search_path = public, pg_temp
  AS $$
    SELECT m.tenant_id, date_trunc(unit, m.started_at, 'UTC'), coalesce(m.project_id, '00000000-0000-0000-0000-000000000000'), m.key_id,
      m.model, m.provider, m.region, m.host,
      sum(m.sign)::bigint, coalesce(sum(m.sign) FILTER (WHERE m.status = 'failed'), 0)::bigint,
      sum(m.sign * m.prompt_tokens)::bigint, sum(m.sign * m.completion_tokens)::bigint,
      sum(m.sign * m.cached_tokens)::bigint, sum(m.sign * m.reasoning_tokens)::bigint,
      sum(m.sign * m.amount_pico::numeric), sum(m.sign * m.duration_ms::bigint)::bigint,
      ARRAY[
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms <= 10), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 10 AND m.duration_ms <= 25), 0),
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 25 AND m.duration_ms <= 50), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 50 AND m.duration_ms <= 100), 0),
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 100 AND m.duration_ms <= 250), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 250 AND m.duration_ms <= 500), 0),
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 500 AND m.duration_ms <= 1000), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 1000 AND m.duration_ms <= 2500), 0),
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 2500 AND m.duration_ms <= 5000), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 5000 AND m.duration_ms <= 10000), 0),
        coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 10000 AND m.duration_ms <= 30000), 0), coalesce(sum(m.sign) FILTER (WHERE m.duration_ms > 30000), 0)]::bigint[]
    FROM (SELECT e.*, 1 AS sign FROM unnest(entries) e UNION ALL SELECT r.*, -1 FROM unnest(replaced) r) m
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  $$;

REVOKE ALL ON FUNCTION apply_claims(jsonb), post_entries(usage[], usage[]), fold_entries(usage[], usage[], text), add_counts(bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply_claims(jsonb), post_entries(usage[], usage[]), fold_entries(usage[], usage[], text), add_counts(bigint[], bigint[]) TO tg_app, tg_worker;
