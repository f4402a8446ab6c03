-- Prices that hold: two books, rows nobody can change, list prices of cloud models, and what hosts cost over time.

-- `tariff` is what tenants pay. `provider` is what the operator pays a provider, in US dollars; it is also what tenants
-- pay while no row of the tariff applies (libs/pricing/price.ts).
ALTER TABLE price ADD COLUMN book text NOT NULL DEFAULT 'tariff' CONSTRAINT price_book_known CHECK (book IN ('tariff', 'provider'));
ALTER TABLE price ADD CONSTRAINT price_provider_book CHECK (book = 'tariff' OR (provider IS NOT NULL AND tenant_id IS NULL AND tier IS NULL AND currency = 'USD'));
-- At most nine decimals a GPU-second, so that a millisecond is whole pico. NOT VALID: older rows can never be changed.
ALTER TABLE price ADD CONSTRAINT price_gpu_whole_ms CHECK (gpu_second_pico % 1000 = 0) NOT VALID;

-- Usage names the row it was charged by, for ever: no role may change or remove one, the owner and a superuser included,
-- and the removal of a tenant may not take its rows along.
ALTER TABLE price DROP CONSTRAINT price_tenant_fk;
ALTER TABLE price ADD CONSTRAINT price_tenant_fk FOREIGN KEY (tenant_id) REFERENCES tenant (id);

CREATE FUNCTION refuse_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed, only superseded', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END
  $$;
REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;
CREATE TRIGGER price_is_permanent BEFORE UPDATE OR DELETE ON price FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_is_never_emptied BEFORE TRUNCATE ON price FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What each host cost from an instant on; null = nothing from then (no cost any more, or the host is gone). Written by a
-- trigger whoever changes a host, never edited, and outlives the host: idle cost of a past month stays what it was.
CREATE TABLE host_cost (
  host_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  host text NOT NULL,
  region text NOT NULL,
  cost_per_hour_pico numeric(30) CONSTRAINT host_cost_amount_positive CHECK (cost_per_hour_pico >= 0),
  CONSTRAINT host_cost_pk PRIMARY KEY (host_id, starts_at)
);
ALTER TABLE host_cost ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform_write ON host_cost FOR ALL TO tg_admin, tg_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON host_cost TO tg_admin;
CREATE TRIGGER host_cost_is_permanent BEFORE UPDATE OR DELETE ON host_cost FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION note_host_cost() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    before numeric := CASE WHEN TG_OP <> 'INSERT' THEN OLD.cost_per_hour_pico END;
    after numeric := CASE WHEN TG_OP <> 'DELETE' THEN NEW.cost_per_hour_pico END;
    host_row host := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  BEGIN
    IF before IS DISTINCT FROM after OR (TG_OP = 'UPDATE' AND after IS NOT NULL AND OLD.region <> NEW.region) THEN
      INSERT INTO host_cost (host_id, starts_at, host, region, cost_per_hour_pico) VALUES (host_row.id, clock_timestamp(), host_row.name, host_row.region, after);
    END IF;
    RETURN NULL;
  END
  $$;
REVOKE ALL ON FUNCTION note_host_cost() FROM PUBLIC;
CREATE TRIGGER host_cost_is_noted AFTER INSERT OR DELETE OR UPDATE OF cost_per_hour_pico, region ON host FOR EACH ROW EXECUTE FUNCTION note_host_cost();
-- Before this migration nobody noted anything, so cost begins now.
INSERT INTO host_cost (host_id, starts_at, host, region, cost_per_hour_pico) SELECT id, clock_timestamp(), name, region, cost_per_hour_pico FROM host WHERE cost_per_hour_pico IS NOT NULL;

-- List prices in US dollars per million tokens: input, output, cached input, cache write. Facts from genai-prices (MIT,
-- github.com/pydantic/genai-prices), written by scripts/price-seed.mjs. Models that the catalogue lacks have them ready.
INSERT INTO price (id, book, provider, model, effective_at, currency, input_pico, output_pico, cached_input_pico, cache_write_pico, source)
SELECT r.id::uuid, 'provider', r.provider, r.model, r.starts::timestamp AT TIME ZONE 'UTC', 'USD', r.input * 1000000, r.output * 1000000, r.cached * 1000000, r.written * 1000000,
  'genai-prices 2026-08-21 47df840a5ab1'
FROM (VALUES
  ('01a0219e-0800-7ed4-806a-c0c13778984b', 'openai', 'gpt-3.5-turbo', '2026-08-21', 0.5, 1.5, NULL, NULL),
  ('01a0219e-0800-71a5-8e7b-f85988f93825', 'openai', 'gpt-4-turbo', '2026-08-21', 10, 30, NULL, NULL),
  ('01a0219e-0800-7b70-8ce4-4b1ffb01f96a', 'openai', 'gpt-4.1', '2026-08-21', 2, 8, 0.5, NULL),
  ('01a0219e-0800-7e9b-8ddc-5d5d8cd51903', 'openai', 'gpt-4.1-mini', '2026-08-21', 0.4, 1.6, 0.1, NULL),
  ('01a0219e-0800-7768-8e8f-278fc7275041', 'openai', 'gpt-4.1-nano', '2026-08-21', 0.1, 0.4, 0.025, NULL),
  ('01a0219e-0800-78e0-8c0c-8dc6d282c814', 'openai', 'gpt-4o', '2026-08-21', 2.5, 10, 1.25, NULL),
  ('01a0219e-0800-7485-8611-a9fb3ef9d99a', 'openai', 'gpt-4o-mini', '2026-08-21', 0.15, 0.6, 0.075, NULL),
  ('01a0219e-0800-7b2f-826e-26e606833612', 'openai', 'gpt-5', '2026-08-21', 1.25, 10, 0.125, NULL),
  ('01a0219e-0800-79c1-8c60-99d2edd1d4cd', 'openai', 'gpt-5-mini', '2026-08-21', 0.25, 2, 0.025, NULL),
  ('01a0219e-0800-788c-8a6d-1969bca42d8a', 'openai', 'gpt-5-nano', '2026-08-21', 0.05, 0.4, 0.005, NULL),
  ('01a0219e-0800-7318-855b-dce4c30d0716', 'openai', 'gpt-5.1', '2026-08-21', 1.25, 10, 0.125, NULL),
  ('01a0219e-0800-7b55-8f6a-e310e01d3e95', 'openai', 'gpt-5.2', '2026-08-21', 1.75, 14, 0.175, NULL),
  ('01a0219e-0800-7019-8412-4b834649af40', 'openai', 'gpt-5.4-mini', '2026-08-21', 0.75, 4.5, 0.075, NULL),
  ('01a0219e-0800-72d8-8ff5-f816d83e8e75', 'openai', 'gpt-5.4-nano', '2026-08-21', 0.2, 1.25, 0.02, NULL),
  ('01a0219e-0800-78d7-8428-2b9c4ae83c4c', 'openai', 'gpt-5.5', '2026-08-21', 5, 30, 0.5, NULL),
  ('01a0219e-0800-784e-8dd6-52411d2aa5d2', 'openai', 'o1', '2026-08-21', 15, 60, 7.5, NULL),
  ('01a0219e-0800-7407-8d19-5908df738626', 'openai', 'o3', '2026-08-21', 2, 8, 0.5, NULL),
  ('01a0219e-0800-7e7e-8156-eda5bb1e4916', 'openai', 'o3-mini', '2026-08-21', 1.1, 4.4, 0.55, NULL),
  ('01a0219e-0800-7912-8599-3349fa2ea78a', 'openai', 'o4-mini', '2026-08-21', 1.1, 4.4, 0.275, NULL),
  ('01a0219e-0800-7d94-8033-84ce3e50f10e', 'anthropic', 'claude-haiku-4-5', '2026-08-21', 1, 5, 0.1, 1.25),
  ('01a0219e-0800-73b3-804d-ad7d489171d4', 'anthropic', 'claude-opus-4-1', '2026-08-21', 15, 75, 1.5, 18.75),
  ('01a0219e-0800-7298-8852-7c328fffeb47', 'anthropic', 'claude-opus-4-5', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-7e70-8a5d-5a504d7f795d', 'anthropic', 'claude-opus-4-6', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-7bdc-86eb-f81d7506e131', 'anthropic', 'claude-opus-4-7', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-7953-845e-0b52911d393e', 'anthropic', 'claude-opus-4-8', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-7669-8076-d993cf53e6be', 'anthropic', 'claude-opus-5', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-742a-83ef-916c2aede535', 'anthropic', 'claude-sonnet-4-0', '2026-08-21', 3, 15, 0.3, 3.75),
  ('01a0219e-0800-7130-8004-32bfade2e509', 'anthropic', 'claude-sonnet-4-6', '2026-08-21', 3, 15, 0.3, 3.75),
  ('01a0219e-0800-7dbe-8532-698aab48e9a2', 'anthropic', 'claude-sonnet-5', '2026-08-21', 2, 10, 0.2, 2.5),
  ('01a05a43-fc00-784d-893e-0f6f3eeb3a2d', 'anthropic', 'claude-sonnet-5', '2026-09-01', 3, 15, 0.3, 3.75),
  ('01a0219e-0800-75d1-8d4a-ca85bff5b309', 'google', 'gemini-2.0-flash', '2026-08-21', 0.1, 0.4, 0.025, NULL),
  ('01a0219e-0800-7808-83c9-641a13be5c77', 'google', 'gemini-2.0-flash-lite', '2026-08-21', 0.075, 0.3, NULL, NULL),
  ('01a0219e-0800-7135-8c62-5755900d5f84', 'google', 'gemini-2.5-flash', '2026-08-21', 0.3, 2.5, 0.03, NULL),
  ('01a0219e-0800-7860-8a08-e7b0595cf6c5', 'google', 'gemini-2.5-flash-lite', '2026-08-21', 0.1, 0.4, 0.01, NULL),
  ('01a0219e-0800-7a82-8a9e-eca983c3d4ac', 'google', 'gemini-3-flash-preview', '2026-08-21', 0.5, 3, 0.05, NULL),
  ('01a0219e-0800-700b-8b61-00bc4943fcea', 'google', 'gemini-3.1-flash-lite', '2026-08-21', 0.25, 1.5, 0.025, NULL),
  ('01a0219e-0800-77d5-8060-21f6a14ccb50', 'google', 'gemini-3.5-flash', '2026-08-21', 1.5, 9, 0.15, NULL),
  ('01a0219e-0800-7b6c-80f1-58a64acfe533', 'google', 'gemini-3.5-flash-lite', '2026-08-21', 0.3, 2.5, 0.03, NULL),
  ('01a0219e-0800-71a9-8b1d-b33580f30640', 'google', 'gemini-3.6-flash', '2026-08-21', 1.5, 7.5, 0.15, NULL),
  ('01a0219e-0800-7565-873a-f82686b4a6aa', 'mistral', 'codestral-2508', '2026-08-21', 0.3, 0.9, 0.03, NULL),
  ('01a0219e-0800-76a5-8e4e-6ac517a01251', 'mistral', 'devstral-2512', '2026-08-21', 0.4, 2, 0.04, NULL),
  ('01a0219e-0800-71d1-8959-e33924f96bbb', 'mistral', 'ministral-14b-2512', '2026-08-21', 0.2, 0.2, 0.02, NULL),
  ('01a0219e-0800-7d96-8e48-65dab7c8af41', 'mistral', 'ministral-3b-2512', '2026-08-21', 0.1, 0.1, 0.01, NULL),
  ('01a0219e-0800-790a-8c8a-defdcb89555e', 'mistral', 'mistral-large-2512', '2026-08-21', 0.5, 1.5, 0.05, NULL),
  ('01a0219e-0800-78b3-89b4-06df95f0fed3', 'mistral', 'mistral-small-2603', '2026-08-21', 0.15, 0.6, 0.015, NULL),
  ('01a0219e-0800-7bde-80eb-782c70684d30', 'mistral', 'mistral-small-latest', '2026-08-21', 0.1, 0.3, NULL, NULL),
  ('01a0219e-0800-7f98-832e-4202b69603e9', 'deepseek', 'deepseek-v4-flash', '2026-08-21', 0.14, 0.28, 0.0028, NULL),
  ('01a0219e-0800-728d-8089-45e5f304cf45', 'deepseek', 'deepseek-v4-pro', '2026-08-21', 0.435, 0.87, 0.003625, NULL),
  ('01a0219e-0800-7cd4-8fc6-55452a46e09c', 'groq', 'llama-3.1-8b-instant', '2026-08-21', 0.05, 0.08, NULL, NULL),
  ('01a0219e-0800-7481-8325-44608b95a046', 'groq', 'llama-3.3-70b-versatile', '2026-08-21', 0.59, 0.79, NULL, NULL),
  ('01a0219e-0800-720b-8409-95c8d8ef263e', 'groq', 'meta-llama/llama-4-maverick-17b-128e-instruct', '2026-08-21', 0.2, 0.6, NULL, NULL),
  ('01a0219e-0800-78a9-8dd1-40dda6469d43', 'groq', 'meta-llama/llama-4-scout-17b-16e-instruct', '2026-08-21', 0.11, 0.34, NULL, NULL),
  ('01a0219e-0800-72bb-8db9-97871e06da35', 'groq', 'moonshotai/kimi-k2-instruct', '2026-08-21', 1, 3, 0.5, NULL),
  ('01a0219e-0800-7ecb-8e84-31eb3d1ebb33', 'groq', 'openai/gpt-oss-120b', '2026-08-21', 0.15, 0.6, 0.075, NULL),
  ('01a0219e-0800-71e2-8478-422b301f1391', 'groq', 'openai/gpt-oss-20b', '2026-08-21', 0.075, 0.3, 0.0375, NULL),
  ('01a0219e-0800-7458-8e5c-dd32b56a5f66', 'groq', 'qwen/qwen3-32b', '2026-08-21', 0.29, 0.59, NULL, NULL),
  ('01a0219e-0800-770f-8686-9714e158c218', 'openrouter', 'anthropic/claude-haiku-4.5', '2026-08-21', 1, 5, 0.1, 1.25),
  ('01a0219e-0800-77ad-8b57-f0ad126c2f11', 'openrouter', 'anthropic/claude-opus-4.8', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-7933-8243-7482781a44d7', 'openrouter', 'anthropic/claude-opus-5', '2026-08-21', 5, 25, 0.5, 6.25),
  ('01a0219e-0800-70bc-8d5a-3612f0b984e9', 'openrouter', 'anthropic/claude-sonnet-4.6', '2026-08-21', 3, 15, 0.3, 3.75),
  ('01a0219e-0800-7b4e-8193-103763549ba8', 'openrouter', 'anthropic/claude-sonnet-5', '2026-08-21', 2, 10, 0.2, 2.5),
  ('01a05a43-fc00-70b1-8fbb-ebc3ca843f0a', 'openrouter', 'anthropic/claude-sonnet-5', '2026-09-01', 3, 15, 0.3, 3.75),
  ('01a0219e-0800-7837-80cb-569aa8f7e9a8', 'openrouter', 'deepseek/deepseek-r1-0528', '2026-08-21', 0.5, 2.15, NULL, NULL),
  ('01a0219e-0800-79e1-8099-3bdec4d0e35f', 'openrouter', 'deepseek/deepseek-v4-flash', '2026-08-21', 0.0983, 0.1966, 0.0197, NULL),
  ('01a0219e-0800-72ac-839b-f89572f85b54', 'openrouter', 'deepseek/deepseek-v4-pro', '2026-08-21', 0.435, 0.87, 0.003625, NULL),
  ('01a0219e-0800-7e27-816d-b318f0a6eef6', 'openrouter', 'google/gemma-3-27b-it', '2026-08-21', 0.1, 0.2, NULL, NULL),
  ('01a0219e-0800-7537-81b8-fe288d43dedc', 'openrouter', 'meta-llama/llama-3.3-70b-instruct', '2026-08-21', 0.05, 0.24, NULL, NULL),
  ('01a0219e-0800-755b-8766-f4d1f5a7c14f', 'openrouter', 'meta-llama/llama-4-maverick', '2026-08-21', 0.15, 0.6, NULL, NULL),
  ('01a0219e-0800-73fc-80c9-a1e557a5d5de', 'openrouter', 'meta-llama/llama-4-scout', '2026-08-21', 0.08, 0.3, NULL, NULL),
  ('01a0219e-0800-7906-8e96-51bb34149beb', 'openrouter', 'openai/gpt-4.1', '2026-08-21', 2, 8, 0.5, NULL),
  ('01a0219e-0800-7272-8375-987185f275dd', 'openrouter', 'openai/gpt-4.1-mini', '2026-08-21', 0.4, 1.6, 0.1, NULL),
  ('01a0219e-0800-7d7f-83dd-1ee3ab15cf64', 'openrouter', 'openai/gpt-4o-mini', '2026-08-21', 0.15, 0.6, 0.075, NULL),
  ('01a0219e-0800-709e-852c-1ce02cf9f299', 'openrouter', 'openai/gpt-5', '2026-08-21', 1.25, 10, 0.125, NULL),
  ('01a0219e-0800-7f62-8536-7a0f7c0e2584', 'openrouter', 'openai/gpt-5-mini', '2026-08-21', 0.25, 2, 0.025, NULL),
  ('01a0219e-0800-7c36-8464-82a094da022b', 'openrouter', 'openai/gpt-5.5', '2026-08-21', 5, 30, 0.5, NULL),
  ('01a0219e-0800-7374-86f8-a35b56be55cd', 'openrouter', 'openai/gpt-oss-120b', '2026-08-21', 0.039, 0.18, NULL, NULL),
  ('01a0219e-0800-7a15-8425-699c2f788a6d', 'openrouter', 'qwen/qwen3-32b', '2026-08-21', 0.1, 0.3, NULL, NULL),
  ('01a0219e-0800-7a9d-8a6a-7c376c217221', 'openrouter', 'qwen/qwen3-coder', '2026-08-21', 0.22, 1.8, NULL, NULL),
  ('01a0219e-0800-7210-8bfd-051ccb846a28', 'openrouter', 'qwen/qwen3-max', '2026-08-21', 1.2, 6, NULL, NULL),
  ('01a0219e-0800-7a6e-88d2-d060320f50dc', 'openrouter', 'x-ai/grok-4.3', '2026-08-21', 1.25, 2.5, 0.2, NULL),
  ('01a0219e-0800-78bc-82ce-298014a1c1c0', 'openrouter', 'z-ai/glm-4.7', '2026-08-21', 0.4, 1.75, 0.08, NULL)
) AS r(id, provider, model, starts, input, output, cached, written);
