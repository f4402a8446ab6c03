-- Webhooks: where to, what happened, and every delivery of it (libs/webhooks/README.md).

-- An endpoint of a tenant, or of the platform (no tenant): then it hears of all tenants.
CREATE TABLE webhook_endpoint (
  id uuid CONSTRAINT webhook_endpoint_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT webhook_endpoint_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  url text NOT NULL CONSTRAINT webhook_endpoint_url_length CHECK (length(url) BETWEEN 1 AND 2000),
  events text[] NOT NULL CONSTRAINT webhook_endpoint_events_named CHECK (cardinality(events) > 0),
  -- envelope of platform/secrets, shown once at creation
  secret bytea NOT NULL,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX webhook_endpoint_tenant_idx ON webhook_endpoint (tenant_id, id);

-- What was told of, so that it is told once: a scope's sum passed a threshold. The key is what several workers race for.
CREATE TABLE webhook_event (
  tenant_id uuid NOT NULL CONSTRAINT webhook_event_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  type text NOT NULL,
  scope text NOT NULL,
  period text NOT NULL,
  threshold_pico numeric(30) NOT NULL,
  id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT webhook_event_pk PRIMARY KEY (tenant_id, type, scope, period, threshold_pico)
);

-- One event on its way to one endpoint. `body` is sent byte by byte as it is here, at every attempt.
-- `tenant_id` is the endpoint's, so null for the platform's.
CREATE TABLE webhook_delivery (
  id uuid CONSTRAINT webhook_delivery_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT webhook_delivery_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  endpoint_id uuid NOT NULL CONSTRAINT webhook_delivery_endpoint_fk REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
  event_id uuid NOT NULL,
  type text NOT NULL,
  body text NOT NULL,
  state text NOT NULL DEFAULT 'pending' CONSTRAINT webhook_delivery_state_known CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts integer NOT NULL DEFAULT 0 CONSTRAINT webhook_delivery_attempts_positive CHECK (attempts >= 0),
  -- when it is tried next; while a worker is at it, when another may take it over
  next_at timestamptz NOT NULL,
  last_status integer,
  last_error text,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  CONSTRAINT webhook_delivery_end CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (next_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_endpoint_idx ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_finished_idx ON webhook_delivery (finished_at) WHERE state <> 'pending';

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['webhook_endpoint', 'webhook_event', 'webhook_delivery'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY all_tenants ON %I FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true)', relation);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, DELETE ON webhook_endpoint TO tg_admin;
GRANT SELECT, INSERT, UPDATE ON webhook_delivery TO tg_admin;
GRANT SELECT ON webhook_endpoint TO tg_worker;
GRANT SELECT, INSERT ON webhook_event TO tg_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_delivery TO tg_worker;
