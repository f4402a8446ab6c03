-- Attempts that ended before their provider told their cost, where it can be asked later under a name of its own
-- (OpenRouter's generations). Noted with the claim, asked by the worker, kept as the proof of what was booked.
CREATE TABLE generation (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  attempt smallint NOT NULL,
  host text NOT NULL,
  name text NOT NULL CONSTRAINT generation_name_form CHECK (name ~ '^[A-Za-z0-9_-]{1,200}$'),
  tries smallint NOT NULL DEFAULT 0,
  -- when it is asked next; null = it was answered, or given up
  due_at timestamptz DEFAULT now() + interval '5 seconds',
  -- what the provider said; null = nothing yet
  cost_pico bigint CONSTRAINT generation_cost_range CHECK (cost_pico BETWEEN 0 AND 100000000000000000),
  prompt_tokens bigint CONSTRAINT generation_prompt_range CHECK (prompt_tokens >= 0),
  completion_tokens bigint CONSTRAINT generation_completion_range CHECK (completion_tokens >= 0),
  CONSTRAINT generation_pk PRIMARY KEY (tenant_id, day, rid, attempt)
);
CREATE INDEX generation_due_idx ON generation (due_at) WHERE due_at IS NOT NULL;
ALTER TABLE generation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON generation FOR ALL TO tg_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON generation FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (due_at, tries) ON generation TO tg_app;
GRANT SELECT, INSERT, UPDATE (due_at, tries, cost_pico, prompt_tokens, completion_tokens) ON generation TO tg_worker;
GRANT SELECT ON generation TO tg_admin;

-- Books what a provider said an attempt cost, in place of an estimate or of nothing; the rollups change with it, in the
-- same transaction. The worker calls it. The row of usage is locked first, as apply_claims does, so that a late final
-- claim and this one follow each other; booking the same again changes nothing.
CREATE FUNCTION book_generation(of_tenant uuid, of_day date, of_rid uuid, of_attempt smallint, told_pico bigint, told_prompt bigint, told_completion bigint) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    call usage;
    booked provider_cost;
  BEGIN
    SELECT u.* INTO call FROM usage u WHERE u.day = of_day AND u.rid = of_rid AND u.tenant_id = of_tenant FOR UPDATE;
    SELECT p.* INTO booked FROM provider_cost p WHERE p.day = of_day AND p.rid = of_rid AND p.attempt = of_attempt FOR UPDATE;
    UPDATE generation g SET due_at = NULL, cost_pico = told_pico, prompt_tokens = told_prompt, completion_tokens = told_completion
      WHERE g.tenant_id = of_tenant AND g.day = of_day AND g.rid = of_rid AND g.attempt = of_attempt;
    IF call.rid IS NULL OR booked.rid IS NULL OR booked.cost_pico IS NOT DISTINCT FROM told_pico THEN
      RETURN;
    END IF;
    UPDATE provider_cost p SET cost_pico = told_pico WHERE p.day = of_day AND p.rid = of_rid AND p.attempt = of_attempt;
    PERFORM post_entries('{}', '{}', ARRAY[(call.tenant_id, date_trunc('hour', call.started_at, 'UTC'), coalesce(call.project_id, '00000000-0000-0000-0000-000000000000'), call.key_id,
      call.model, booked.provider, booked.region, booked.host, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CASE WHEN booked.cost_pico IS NULL THEN -1 ELSE 0 END, told_pico - coalesce(booked.cost_pico, 0))::usage_hourly]);
  END
  $$;
REVOKE ALL ON FUNCTION book_generation(uuid, date, uuid, smallint, bigint, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book_generation(uuid, date, uuid, smallint, bigint, bigint, bigint) TO tg_worker;
