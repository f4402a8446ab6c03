-- Every change of an alias: who, when, from what to what. A null `from_target` made it, a null `to_target` removed it.
-- Rows are only ever added; they outlive the alias. Read on the control plane only.
CREATE TABLE alias_change (
  id uuid CONSTRAINT alias_change_pk PRIMARY KEY,
  tenant_id uuid CONSTRAINT alias_change_tenant_fk REFERENCES tenant (id) ON DELETE CASCADE,
  tier text,
  name text NOT NULL,
  from_target text,
  to_target text,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT alias_change_changes CHECK (from_target IS DISTINCT FROM to_target)
);
CREATE INDEX alias_change_name_idx ON alias_change (name, id);
ALTER TABLE alias_change ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON alias_change FOR ALL TO tg_admin, tg_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON alias_change TO tg_admin;
