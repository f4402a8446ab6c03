-- How every model fared on every host, since it was first called there. The running totals live in Redis and are folded
-- in here once a minute; `epoch` names the life of Redis the `seen_*` columns belong to, so that folding twice adds
-- nothing and a Redis that lost its memory costs a minute of statistics at most.
CREATE TABLE host_health (
  host_id uuid NOT NULL CONSTRAINT host_health_host_fk REFERENCES host (id) ON DELETE CASCADE,
  model text NOT NULL,
  total bigint NOT NULL CONSTRAINT host_health_total_positive CHECK (total >= 0),
  failed bigint NOT NULL CONSTRAINT host_health_failed_positive CHECK (failed >= 0),
  latency_ms bigint NOT NULL CONSTRAINT host_health_latency_positive CHECK (latency_ms >= 0),
  last_used_at timestamptz,
  last_error text,
  last_error_at timestamptz,
  epoch text NOT NULL,
  seen_total bigint NOT NULL,
  seen_failed bigint NOT NULL,
  seen_latency_ms bigint NOT NULL,
  folded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT host_health_pk PRIMARY KEY (host_id, model)
);
ALTER TABLE host_health ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform_read ON host_health FOR SELECT TO tg_app, tg_admin, tg_report USING (true);
CREATE POLICY platform_write ON host_health FOR ALL TO tg_worker, tg_owner USING (true) WITH CHECK (true);
GRANT SELECT ON host_health TO tg_app, tg_admin;
GRANT SELECT, INSERT, UPDATE ON host_health TO tg_worker;

-- Whether the host hands out its models to callers without our credential, as last asked; null = not asked.
ALTER TABLE host ADD COLUMN is_open_to_all boolean;
