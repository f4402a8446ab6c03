-- Prepaid credit and soft budgets of projects and keys (libs/credit/README.md, libs/limits/README.md).

-- What a tenant paid ahead, one row a payment; a negative row takes back what was granted by mistake. Insert-only for
-- every role. No reference to tenant: a grant outlives it, as the ledger does.
CREATE TABLE credit_grant (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  amount_pico numeric(30) NOT NULL CONSTRAINT credit_grant_is_something CHECK (amount_pico <> 0),
  reason text NOT NULL CONSTRAINT credit_grant_reason_given CHECK (length(reason) BETWEEN 1 AND 500),
  granted_by uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  CONSTRAINT credit_grant_pk PRIMARY KEY (tenant_id, id)
);

-- Nothing that is spent can be taken back. The lock makes grants of one tenant wait for each other; each statement below
-- then sees those before it. Calls that run now are not spent yet: they may still end below zero, by what was promised.
CREATE FUNCTION check_credit_grant() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    granted numeric;
    spent numeric;
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate prepaid ' || NEW.tenant_id, 0));
    SELECT coalesce(sum(g.amount_pico), 0) + NEW.amount_pico INTO granted FROM credit_grant g WHERE g.tenant_id = NEW.tenant_id;
    SELECT coalesce(max(b.spent_pico), 0) INTO spent FROM budget_period b WHERE b.tenant_id = NEW.tenant_id AND b.scope = 'credit' AND b.period = 'always';
    IF NEW.amount_pico < 0 AND granted < spent THEN
      RAISE EXCEPTION 'only % of the credit is unspent', granted - NEW.amount_pico - spent USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_grant_is_unspent';
    END IF;
    IF granted > 1000000000000000000000 THEN
      RAISE EXCEPTION 'a thousand million is the most that is ever granted' USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_grant_total_range';
    END IF;
    RETURN NEW;
  END
  $$;
REVOKE ALL ON FUNCTION check_credit_grant() FROM PUBLIC;
CREATE TRIGGER credit_grant_is_checked BEFORE INSERT ON credit_grant FOR EACH ROW EXECUTE FUNCTION check_credit_grant();
CREATE TRIGGER credit_grant_is_permanent BEFORE UPDATE OR DELETE ON credit_grant FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_grant_is_never_emptied BEFORE TRUNCATE ON credit_grant FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE credit_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON credit_grant FOR ALL TO tg_admin, tg_worker USING (true) WITH CHECK (true);
CREATE POLICY tenant_isolation ON credit_grant FOR SELECT TO tg_app, tg_report USING (tenant_id = current_tenant());
-- For find_api_key, as those of migration 0003.
CREATE POLICY key_lookup ON credit_grant FOR SELECT TO tg_owner USING (true);
GRANT SELECT, INSERT ON credit_grant TO tg_admin;
GRANT SELECT ON credit_grant TO tg_app, tg_worker, tg_report;

ALTER TABLE project ADD COLUMN soft_budget_pico numeric(30) CONSTRAINT project_soft_positive CHECK (soft_budget_pico >= 0);
ALTER TABLE api_key ADD COLUMN soft_budget_pico numeric(30) CONSTRAINT api_key_soft_positive CHECK (soft_budget_pico >= 0);

-- The worker compares spent with the budgets of keys; of a key it sees nothing else.
GRANT SELECT (tenant_id, id, max_budget_pico, soft_budget_pico, budget_duration) ON api_key TO tg_worker;

-- The limit at which a call was first refused for want of this budget: tells exhausted from merely nearly spent, since a
-- call is refused when its most does not fit, which is before the limit is spent.
ALTER TABLE budget_period ADD COLUMN refused_limit_pico numeric(30);

-- Until now `prepaid` was a word without effect. From here on it means that only granted credit is spent; nobody has any
-- yet, so nobody is left prepaid who would be cut off: an operator grants credit and then sets it.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
UPDATE tenant SET billing = 'postpaid', auth_epoch = auth_epoch + 1 WHERE billing = 'prepaid';
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;

-- As in migration 0003, with the soft budgets and, for a prepaid tenant, the sum of its grants.
CREATE OR REPLACE FUNCTION find_api_key(wanted_public_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$
    SELECT jsonb_build_object(
      'key', to_jsonb(k) || jsonb_build_object('key_hash', encode(k.key_hash, 'hex'), 'max_budget_pico', k.max_budget_pico::text, 'soft_budget_pico', k.soft_budget_pico::text),
      'tenant', to_jsonb(t) || jsonb_build_object('max_budget_pico', t.max_budget_pico::text, 'soft_budget_pico', t.soft_budget_pico::text,
        'credit_pico', CASE WHEN t.billing = 'prepaid' THEN (SELECT coalesce(sum(g.amount_pico), 0)::text FROM credit_grant g WHERE g.tenant_id = t.id) END),
      'projects', coalesce((SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('max_budget_pico', p.max_budget_pico::text, 'soft_budget_pico', p.soft_budget_pico::text)) FROM project p WHERE p.tenant_id = k.tenant_id), '[]'))
    FROM api_key k JOIN tenant t ON t.id = k.tenant_id
    WHERE k.public_id = wanted_public_id
  $$;
