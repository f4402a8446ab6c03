-- How Ollama hosts load a model, whether an ambiguous failure may be replayed, and whose its context length is. Constants
-- as defaults: no row is rewritten, and a release that does not know the columns goes on as before.
ALTER TABLE model
  ADD COLUMN num_ctx integer CONSTRAINT model_num_ctx_positive CHECK (num_ctx > 0),
  ADD COLUMN keep_alive text,
  ADD COLUMN retry_ambiguous boolean NOT NULL DEFAULT false,
  ADD COLUMN is_context_set boolean NOT NULL DEFAULT false;

-- Nobody but an operator can have told the context of a model that no host lists or described.
UPDATE model m SET is_context_set = true
WHERE origin = 'operator' AND context_length IS NOT NULL AND size_bytes IS NULL AND details = '{}' AND NOT EXISTS (SELECT 1 FROM deployment d WHERE d.model = m.name);
