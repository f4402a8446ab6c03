-- Rule sets of smart selection (libs/selection/README.md): which model a prompt gets, as data. A tenant's set stands in
-- for the operator's of the same name. `rules` is an ordered list of {name, when, use, task}; the first that matches wins.
CREATE TABLE rule_set (
  id uuid CONSTRAINT rule_set_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT rule_set_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  name text NOT NULL CONSTRAINT rule_set_name_form CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  description text NOT NULL DEFAULT '',
  is_default boolean NOT NULL DEFAULT false,
  rules jsonb NOT NULL CONSTRAINT rule_set_rules_list CHECK (jsonb_typeof(rules) = 'array'),
  otherwise jsonb NOT NULL CONSTRAINT rule_set_otherwise_object CHECK (jsonb_typeof(otherwise) = 'object'),
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT rule_set_name_key UNIQUE NULLS NOT DISTINCT (tenant_id, name)
);
ALTER TABLE rule_set ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON rule_set FOR SELECT TO tg_app, tg_report USING (tenant_id IS NULL OR tenant_id = current_tenant());
CREATE POLICY all_tenants ON rule_set FOR ALL TO tg_admin, tg_owner USING (true) WITH CHECK (true);
GRANT SELECT ON rule_set TO tg_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON rule_set TO tg_admin;

-- The shipped ones (product.md 2.2). They name aliases and models that an installation may not have: the control plane
-- shows that as problems of a rule, and a choice that cannot be served is replaced.
INSERT INTO rule_set (id, name, description, is_default, changed_by, rules, otherwise) VALUES
  ('019a0000-0000-7000-8000-000000000101', 'task', 'By what is asked for', true, 'shipped', '[
    {"name": "code", "when": {"any_words": ["code", "programming", "debug", "function"]}, "use": "coding", "task": "code"},
    {"name": "analysis", "when": {"any_words": ["analyze", "research", "explain in detail"]}, "use": "powerful", "task": "analysis"},
    {"name": "short", "when": {"fewer_words_than": 20}, "use": "fast"}]', '{"use": "balanced"}'),
  ('019a0000-0000-7000-8000-000000000102', 'complexity', 'By how hard a question is', false, 'shipped', '[
    {"name": "simple", "when": {"fewer_characters_than": 50, "contains": ["?"]}, "use": "fast"},
    {"name": "complex", "when": {"any_words": ["analyze", "compare", "explain why", "evaluate"]}, "use": "expert"}]', '{"use": "default"}'),
  ('019a0000-0000-7000-8000-000000000103', 'token_budget', 'By the estimated length of the prompt', false, 'shipped', '[
    {"name": "small", "when": {"fewer_tokens_than": 500}, "use": "fast"},
    {"name": "medium", "when": {"fewer_tokens_than": 2000}, "use": "default"}]', '{"use": "powerful"}'),
  ('019a0000-0000-7000-8000-000000000104', 'language', 'By the language of the prompt', false, 'shipped', '[
    {"name": "english", "when": {"language": "english"}, "use": "balanced"},
    {"name": "chinese", "when": {"language": "chinese"}, "use": "medium"},
    {"name": "japanese", "when": {"language": "japanese"}, "use": "large"},
    {"name": "code", "when": {"language": "code"}, "use": "coding"},
    {"name": "multilingual", "when": {"language": "multilingual"}, "use": "powerful"}]', '{"use": "default"}'),
  ('019a0000-0000-7000-8000-000000000105', 'project', 'By the project of the call', false, 'shipped', '[
    {"name": "engineering", "when": {"project": "engineering"}, "use": "codellama:34b"},
    {"name": "marketing", "when": {"project": "marketing"}, "use": "llama3.2"},
    {"name": "research", "when": {"project": "research"}, "use": "llama3.1:70b"},
    {"name": "support", "when": {"project": "support"}, "use": "phi3"}]', '{"use": "default"}');
