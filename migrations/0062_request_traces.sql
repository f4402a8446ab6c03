-- What was decided for single requests, and the measures of their prompts (libs/selection/README.md): why a model and a
-- host were chosen or a call was refused. No text. Written by gateways in batches beside the claims' way, never read on
-- it; kept 30 days, then forgotten by the worker.
CREATE TABLE request_trace (
  tenant_id uuid NOT NULL CONSTRAINT request_trace_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  rid uuid NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  explanation jsonb NOT NULL,
  -- null for embeddings and for calls without a model
  features jsonb,
  CONSTRAINT request_trace_pk PRIMARY KEY (tenant_id, rid)
);
CREATE INDEX request_trace_recorded_idx ON request_trace (recorded_at, rid);
ALTER TABLE request_trace ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON request_trace FOR ALL TO tg_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON request_trace FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON request_trace TO tg_app;
GRANT SELECT ON request_trace TO tg_admin;
GRANT SELECT (tenant_id, rid, recorded_at), DELETE ON request_trace TO tg_worker;
