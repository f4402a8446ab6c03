-- Jobs that change what a host holds: pull, create, delete, preload (libs/rollouts/README.md). No tenant: the fleet is the operator's.
CREATE TABLE host_job (
  id uuid CONSTRAINT host_job_pk PRIMARY KEY,
  kind text NOT NULL CONSTRAINT host_job_kind_known CHECK (kind IN ('pull', 'create', 'delete', 'preload')),
  host_id uuid NOT NULL CONSTRAINT host_job_host_fk REFERENCES host (id) ON DELETE CASCADE,
  model text NOT NULL,
  -- sent to the host as it is here, at every attempt
  body jsonb NOT NULL,
  state text NOT NULL DEFAULT 'queued' CONSTRAINT host_job_state_known CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  -- the host's last line: {"status": …, "total"?: bytes, "completed"?: bytes}
  progress jsonb NOT NULL DEFAULT '{}',
  error text,
  attempts integer NOT NULL DEFAULT 0,
  -- when it is begun; while a worker is at it, when another may take it over
  next_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  CONSTRAINT host_job_end CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL))
);
CREATE INDEX host_job_due_idx ON host_job (next_at) WHERE finished_at IS NULL;
-- The same work is not queued twice, and one host does one thing at a time: the disk and the network are its own.
CREATE UNIQUE INDEX host_job_same_key ON host_job (host_id, kind, model) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX host_job_one_at_a_time_key ON host_job (host_id) WHERE state = 'running';
CREATE INDEX host_job_model_idx ON host_job (model, created_at DESC);

ALTER TABLE host_job ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON host_job FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON host_job TO tg_admin;
GRANT SELECT, UPDATE ON host_job TO tg_worker;

-- What a model was made from, as its operator wrote it.
ALTER TABLE model ADD COLUMN modelfile text;
