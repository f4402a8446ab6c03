-- Conversations that a tenant asked to be remembered (libs/conversations/README.md). Texts are sealed with the tenant's
-- own data key; in plain stand only sizes, times and the names of models. tg_admin has no grant: operators read nothing.

-- A tenant's data key, wrapped by TOLLGATE_SECRETS_KEY (platform/secrets). Deleting the row erases all that it sealed.
CREATE TABLE conversation_key (
  tenant_id uuid CONSTRAINT conversation_key_pk PRIMARY KEY CONSTRAINT conversation_key_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  wrapped bytea NOT NULL
);

CREATE TABLE conversation (
  tenant_id uuid NOT NULL CONSTRAINT conversation_key_fk REFERENCES conversation_key (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  -- of the project it counts to; a key bound to a project sees those of its project only
  project_id uuid,
  model text CONSTRAINT conversation_model_length CHECK (length(model) BETWEEN 1 AND 200),
  -- null = every region the caller may use; narrows and never widens
  allowed_regions text[] CONSTRAINT conversation_regions_named CHECK (cardinality(allowed_regions) > 0),
  -- sealed JSON: title and system text
  head bytea NOT NULL,
  turns integer NOT NULL DEFAULT 0 CONSTRAINT conversation_turns_counted CHECK (turns >= 0),
  bytes bigint NOT NULL DEFAULT 0 CONSTRAINT conversation_bytes_counted CHECK (bytes >= 0),
  uses_vision boolean NOT NULL DEFAULT false,
  uses_tools boolean NOT NULL DEFAULT false,
  ttl_seconds integer NOT NULL CONSTRAINT conversation_ttl_positive CHECK (ttl_seconds > 0),
  -- the request whose turn runs, and until when it is believed to
  busy_rid uuid,
  busy_until timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT conversation_pk PRIMARY KEY (tenant_id, id),
  CONSTRAINT conversation_project_fk FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id) ON DELETE CASCADE,
  CONSTRAINT conversation_busy CHECK ((busy_rid IS NULL) = (busy_until IS NULL))
);
CREATE INDEX conversation_expiry_idx ON conversation (expires_at);
CREATE INDEX conversation_project_idx ON conversation (tenant_id, project_id);

CREATE TABLE conversation_turn (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq integer NOT NULL CONSTRAINT conversation_turn_seq_positive CHECK (seq > 0),
  rid uuid NOT NULL,
  model text NOT NULL,
  -- sealed JSON: what was asked and what was answered
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT conversation_turn_pk PRIMARY KEY (tenant_id, conversation_id, seq),
  CONSTRAINT conversation_turn_fk FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id) ON DELETE CASCADE
);

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['conversation_key', 'conversation', 'conversation_turn'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I FOR ALL TO tg_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', relation);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, DELETE ON conversation_key, conversation_turn TO tg_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON conversation TO tg_app;
-- The worker forgets what is over and wraps keys anew; it reads no text.
CREATE POLICY all_tenants ON conversation_key FOR ALL TO tg_worker USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON conversation FOR ALL TO tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (wrapped) ON conversation_key TO tg_worker;
GRANT SELECT (tenant_id, id, expires_at), DELETE ON conversation TO tg_worker;
