-- Residency that can be proved: where a call was allowed to go, and which weights answered it.
--
-- The columns are null on rows of before and on drafts that went nowhere; adding them rewrites nothing. The check is the
-- last of three fences (candidates are computed inside the regions, the claim carries them, the database compares): a row
-- that breaks it lands in quarantine and raises the alarm. NOT VALID, as every row of before passes by its null.
ALTER TABLE usage ADD COLUMN model_digest text, ADD COLUMN allowed_regions text[];
ALTER TABLE usage ADD CONSTRAINT usage_region_allowed CHECK (region = '' OR region = ANY (allowed_regions)) NOT VALID;

-- As in 0012; a claim that replaces another brings the two columns along.
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

    PERFORM post_entries(added || upgraded, replaced, attempted);

    RETURN QUERY SELECT b.tenant_id, b.scope, b.period, b.spent_pico, b.version FROM budget_period b JOIN unnest(named) n
      ON b.tenant_id = split_part(n, '|', 1)::uuid AND b.scope = split_part(n, '|', 2) AND b.period = split_part(n, '|', 3);
  END
  $$;
