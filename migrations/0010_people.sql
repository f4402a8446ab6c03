-- Who made a key: a tenant's developers manage their own keys only. The composite reference would need
-- account (tenant_id, id), but platform people have no tenant; the store writes it, nothing else does.
ALTER TABLE api_key ADD COLUMN account_id uuid CONSTRAINT api_key_account_fk REFERENCES account (id) ON DELETE SET NULL;
CREATE INDEX api_key_account_idx ON api_key (account_id);

-- The refresh token before the last rotation: whoever presents it holds a stolen one, and the session ends.
ALTER TABLE login_session ADD COLUMN previous_hash bytea CONSTRAINT login_session_previous_key UNIQUE;
