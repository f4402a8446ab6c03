-- Roles (security.md, Postgres tenancy). Objects belong to tg_owner, which cannot log in; processes log in as
-- tg_app (gateway), tg_admin (control plane), tg_worker (settlement, sweeps, probes). None of them owns a table,
-- is superuser or bypasses row security. Roles belong to the whole server, so another database may have made them.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['tg_owner', 'tg_app', 'tg_admin', 'tg_worker', 'tg_report'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', role_name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tg_owner;
GRANT USAGE ON SCHEMA public TO tg_app, tg_admin, tg_worker, tg_report;

-- The tenant of the running transaction, or NULL. After the first transaction on a pooled connection the setting
-- is '' and not NULL, hence nullif. STABLE, so the planner uses it as an index condition.
CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.tenant', true), '')::uuid $$;
