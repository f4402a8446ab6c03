-- What a model was at which time, and which weights its calls are held to (libs/catalog/README.md). No data is moved: a
-- model of before gets its first version when it is next changed or probed.
ALTER TABLE model
  -- what the gateway fills in where a caller says nothing
  ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN prompt text,
  -- calls go only to deployments of this digest; null = any
  ADD COLUMN pinned_digest text,
  ADD COLUMN current_version integer;

-- Earlier weights that a host keeps under a name of their own: {"<digest>": {"name": …, "size": bytes}}.
ALTER TABLE deployment ADD COLUMN kept jsonb NOT NULL DEFAULT '{}';

-- A change of what a model is made from, its parameters or its prompt, or a digest that a host was found to hold. Kept when
-- the model is removed: whoever adds it again goes on counting.
CREATE TABLE model_version (
  model text NOT NULL,
  version integer NOT NULL CONSTRAINT model_version_positive CHECK (version > 0),
  cause text NOT NULL CONSTRAINT model_version_cause_known CHECK (cause IN ('definition', 'digest')),
  modelfile text,
  base_model text,
  parameters jsonb NOT NULL DEFAULT '{}',
  prompt text,
  -- null until a host is found to hold what came of it
  digest text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT model_version_pk PRIMARY KEY (model, version)
);
CREATE INDEX model_version_digest_idx ON model_version (model, digest);

ALTER TABLE model_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON model_version FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON model_version TO tg_admin, tg_worker;
