-- An attempt that runs when its gateway dies is known by the last checkpoint: outcome `swept`, and what it had cost by
-- then. It stands until the call's final claim comes, should the gateway only have stalled; that one takes its place.
GRANT UPDATE (host, provider, region, model, outcome, duration_ms, cost_pico) ON provider_cost TO tg_app, tg_worker;

-- As in 0030; a claim that replaces another replaces its swept attempts as well.
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
          model_digest = c.model_digest, allowed_regions = c.allowed_regions,
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

    IF cardinality(upgraded) > 0 THEN
      attempted := attempted || replace_swept_attempts(claims, upgraded);
    END IF;
    PERFORM post_entries(added || upgraded, replaced, attempted);

    RETURN QUERY SELECT b.tenant_id, b.scope, b.period, b.spent_pico, b.version FROM budget_period b JOIN unnest(named) n
      ON b.tenant_id = split_part(n, '|', 1)::uuid AND b.scope = split_part(n, '|', 2) AND b.period = split_part(n, '|', 3);
  END
  $$;

-- Puts the attempts of final claims in the place of swept ones, and answers what that changes in the rollups: each old row
-- (−) and new row (+), as attempts that cost. Only apply_claims calls it, for the calls whose rows of usage it has just
-- raised in rank and holds, so nobody else can have taken the same attempts. Both halves read the rows as they were
-- before the statement: no RETURNING of old values, which Postgres has since 18 only.
CREATE FUNCTION replace_swept_attempts(claims jsonb, upgraded usage[]) RETURNS usage_hourly[]
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    changes usage_hourly[];
  BEGIN
    WITH final AS (
      SELECT u AS entry, u.day, u.rid, a.*
      FROM unnest(upgraded) u JOIN jsonb_array_elements(claims) c ON (c ->> 'rid')::uuid = u.rid AND (c ->> 'day')::date = u.day AND (c ->> 'rank')::smallint = u.rank,
        jsonb_to_recordset(c -> 'provider_attempts') AS a(attempt smallint, host text, provider text, region text, model text, outcome text, duration_ms integer, cost_pico bigint)
      WHERE a.outcome <> 'swept'),
    before AS (
      SELECT f.entry, p.provider, p.region, p.host, p.cost_pico, -1 AS sign FROM final f JOIN provider_cost p USING (day, rid, attempt) WHERE p.outcome = 'swept'),
    changed AS (
      UPDATE provider_cost p SET host = f.host, provider = f.provider, region = f.region, model = f.model, outcome = f.outcome, duration_ms = f.duration_ms, cost_pico = f.cost_pico
      FROM final f WHERE p.day = f.day AND p.rid = f.rid AND p.attempt = f.attempt AND p.outcome = 'swept'
      RETURNING f.entry, p.provider, p.region, p.host, p.cost_pico, 1 AS sign)
    SELECT coalesce(array_agg(((m.entry).tenant_id, date_trunc('hour', (m.entry).started_at, 'UTC'), coalesce((m.entry).project_id, '00000000-0000-0000-0000-000000000000'), (m.entry).key_id,
        (m.entry).model, m.provider, m.region, m.host, 0, 0, 0, 0, 0, 0, 0, 0, 0, m.sign, CASE WHEN m.cost_pico IS NULL THEN m.sign ELSE 0 END, m.sign * coalesce(m.cost_pico, 0))::usage_hourly), '{}')
      INTO changes FROM (SELECT * FROM before UNION ALL SELECT * FROM changed) m;
    RETURN changes;
  END
  $$;
REVOKE ALL ON FUNCTION replace_swept_attempts(jsonb, usage[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION replace_swept_attempts(jsonb, usage[]) TO tg_app, tg_worker;
