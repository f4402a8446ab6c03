-- What is kept under an Idempotency-Key for 24 hours (libs/idempotency/README.md). One table per plane, of one form:
-- calls belong to a tenant and are isolated like all that does; changes on the control plane belong to a person, are
-- seen by tg_admin only, and hold their reply sealed. Keys and bodies are kept as SHA-256 only.
CREATE TABLE idempotent_call (
  tenant_id uuid NOT NULL CONSTRAINT idempotent_call_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  route text NOT NULL,
  key_hash bytea NOT NULL CONSTRAINT idempotent_call_key_length CHECK (octet_length(key_hash) = 32),
  body_hash bytea NOT NULL CONSTRAINT idempotent_call_body_length CHECK (octet_length(body_hash) = 32),
  -- the id under which the call is admitted and booked, whoever makes it
  rid uuid NOT NULL,
  -- the request that may end this life of the record
  owner uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  outcome text,
  expires_at timestamptz NOT NULL,
  CONSTRAINT idempotent_call_pk PRIMARY KEY (tenant_id, route, key_hash)
);
CREATE INDEX idempotent_call_expiry_idx ON idempotent_call (expires_at);

CREATE TABLE idempotent_mutation (
  account_id uuid NOT NULL CONSTRAINT idempotent_mutation_account_fk REFERENCES account (id) ON DELETE CASCADE,
  route text NOT NULL,
  key_hash bytea NOT NULL CONSTRAINT idempotent_mutation_key_length CHECK (octet_length(key_hash) = 32),
  body_hash bytea NOT NULL CONSTRAINT idempotent_mutation_body_length CHECK (octet_length(body_hash) = 32),
  rid uuid NOT NULL,
  owner uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  -- envelope of platform/secrets in base64: a reply may hold a new API key
  outcome text,
  expires_at timestamptz NOT NULL,
  CONSTRAINT idempotent_mutation_pk PRIMARY KEY (account_id, route, key_hash)
);
CREATE INDEX idempotent_mutation_expiry_idx ON idempotent_mutation (expires_at);

ALTER TABLE idempotent_call ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotent_call FOR ALL TO tg_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY all_tenants ON idempotent_call FOR ALL TO tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent_call TO tg_app;
GRANT SELECT (tenant_id, route, key_hash, expires_at, leased_until), DELETE ON idempotent_call TO tg_worker;

ALTER TABLE idempotent_mutation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_accounts ON idempotent_mutation FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent_mutation TO tg_admin;
GRANT SELECT (account_id, route, key_hash, expires_at, leased_until), DELETE ON idempotent_mutation TO tg_worker;
