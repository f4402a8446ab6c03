-- System prompts that operators give to models: named, a row per version, the highest is in force (libs/catalog/README.md).
CREATE TABLE prompt (
  name text NOT NULL CONSTRAINT prompt_name_form CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  version integer NOT NULL CONSTRAINT prompt_version_positive CHECK (version > 0),
  text text NOT NULL CONSTRAINT prompt_text_length CHECK (length(text) BETWEEN 1 AND 100000),
  merge text NOT NULL CONSTRAINT prompt_merge_known CHECK (merge IN ('before', 'default')),
  temperature double precision CONSTRAINT prompt_temperature_range CHECK (temperature BETWEEN 0 AND 2),
  -- canonical names of the models it speaks to; a model hears one named prompt at most, which the writer sees to
  models text[] NOT NULL,
  -- the last version of one that was removed
  is_removed boolean NOT NULL DEFAULT false,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT prompt_pk PRIMARY KEY (name, version)
);
ALTER TABLE prompt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform_read ON prompt FOR SELECT TO tg_app, tg_admin, tg_worker USING (true);
CREATE POLICY platform_write ON prompt FOR INSERT TO tg_admin WITH CHECK (true);
GRANT SELECT ON prompt TO tg_app, tg_admin, tg_worker;
GRANT INSERT ON prompt TO tg_admin;
