-- Provider secrets: what may be shown of one, and the worker's part in a rotation of the key that wraps them
-- (libs/platform/secrets/secret-box.ts). The fingerprint is null for secrets of before until they are set again.
ALTER TABLE host ADD COLUMN secret_fingerprint text;
GRANT UPDATE (secret) ON webhook_endpoint TO tg_worker;
