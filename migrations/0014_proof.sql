-- The hash chain over the ledger (libs/proof/README.md). Each ledger row waits in ledger_unsealed from the transaction
-- that posts it until the worker seals it, so a row is found by a queue and not by a clock: late corrections, stepped
-- clocks and restored backups are sealed like any other row, exactly once.

-- Rows of the ledger that are not sealed yet. No index: it holds the rows of about a second, and every one of them is
-- taken; an index would cost each settlement more than it saves the worker. Vacuumed by count, since it never grows.
CREATE TABLE ledger_unsealed (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  rank smallint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- One link of a tenant's chain: hash = SHA-256(hash of seq − 1 ‖ the ledger row ‖ usage_hash), as libs/proof/domain/seal.ts
-- writes it. usage_hash is over the usage row that the ledger row booked; null when a higher rank had replaced it.
CREATE TABLE ledger_seal (
  tenant_id uuid NOT NULL,
  seq bigint NOT NULL CONSTRAINT ledger_seal_seq_positive CHECK (seq > 0),
  day date NOT NULL,
  rid uuid NOT NULL,
  rank smallint NOT NULL,
  usage_hash bytea CONSTRAINT ledger_seal_usage_hash_length CHECK (octet_length(usage_hash) = 32),
  hash bytea NOT NULL CONSTRAINT ledger_seal_hash_length CHECK (octet_length(hash) = 32),
  CONSTRAINT ledger_seal_pk PRIMARY KEY (tenant_id, seq)
);

-- Runs with the rights of whoever posts to the ledger: the worker, or a gateway inside its tenant's context.
CREATE FUNCTION queue_for_sealing() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  BEGIN
    INSERT INTO ledger_unsealed (tenant_id, day, rid, rank) SELECT a.tenant_id, a.day, a.rid, a.rank FROM added a;
    RETURN NULL;
  END
  $$;
REVOKE ALL ON FUNCTION queue_for_sealing() FROM PUBLIC;
CREATE TRIGGER ledger_is_queued AFTER INSERT ON ledger REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION queue_for_sealing();

-- What was posted before there was a chain is sealed too. Forced row security binds the owner, who reads it just here.
ALTER TABLE ledger NO FORCE ROW LEVEL SECURITY;
INSERT INTO ledger_unsealed (tenant_id, day, rid, rank) SELECT tenant_id, day, rid, rank FROM ledger ORDER BY recorded_at, day, rid, rank;
ALTER TABLE ledger FORCE ROW LEVEL SECURITY;

ALTER TABLE ledger_unsealed ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ledger_unsealed FOR ALL TO tg_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON ledger_unsealed FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT INSERT ON ledger_unsealed TO tg_app;
GRANT SELECT, INSERT, DELETE ON ledger_unsealed TO tg_worker;
GRANT SELECT ON ledger_unsealed TO tg_admin;

-- Insert-only: no role may change or remove a link.
ALTER TABLE ledger_seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON ledger_seal FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON ledger_seal TO tg_worker;
GRANT SELECT ON ledger_seal TO tg_admin;
