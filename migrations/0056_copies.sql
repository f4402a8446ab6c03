-- How many hosts of a region are to hold a model (libs/rollouts/README.md). No tenant: the fleet is the operator's.
CREATE TABLE model_copies (
  model text NOT NULL,
  region text NOT NULL CONSTRAINT model_copies_region_fk REFERENCES region (slug) ON DELETE CASCADE,
  copies integer NOT NULL CONSTRAINT model_copies_number CHECK (copies BETWEEN 0 AND 1000),
  -- a copy is never taken away or replaced where fewer live ones would be left
  min_live integer NOT NULL CONSTRAINT model_copies_min_number CHECK (min_live BETWEEN 0 AND copies),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT model_copies_pk PRIMARY KEY (model, region)
);
ALTER TABLE model_copies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON model_copies FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON model_copies TO tg_admin;
GRANT SELECT ON model_copies TO tg_worker;

-- What an operator says of a host's disk; null = unknown, then nothing is checked. Since when its probes fail; null = they pass.
ALTER TABLE host ADD COLUMN disk_bytes bigint CONSTRAINT host_disk_positive CHECK (disk_bytes > 0), ADD COLUMN unhealthy_since timestamptz;

-- Queued to reach the copies wanted, and not because an operator asked for this very job: it may be withdrawn.
ALTER TABLE host_job ADD COLUMN for_copies boolean NOT NULL DEFAULT false;
GRANT INSERT ON host_job TO tg_worker;
