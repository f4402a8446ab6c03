-- Shipped defaults (product.md 3.2): regions and the distances between them, tiers, platform aliases.
INSERT INTO region (slug, name) VALUES
  ('us-east', 'US East'), ('eu-west', 'EU West'), ('asia-pacific', 'Asia Pacific');

INSERT INTO region_distance (from_region, to_region, distance_ms) VALUES
  ('us-east', 'eu-west', 80), ('eu-west', 'us-east', 80),
  ('us-east', 'asia-pacific', 200), ('asia-pacific', 'us-east', 200),
  ('eu-west', 'asia-pacific', 160), ('asia-pacific', 'eu-west', 160);

INSERT INTO tier (slug, version, name, models, rpm_limit, tpm_limit, max_parallel_requests, queue_weight, max_output_tokens, max_budget_pico, soft_budget_pico, default_model) VALUES
  ('free', 1, 'Free', '{phi3}', 20, 20000, 2, 1, 1024, 1000000000000, NULL, 'phi3'),
  ('standard', 1, 'Standard', '{phi3,llama3.2:*}', 120, 200000, 10, 4, 4096, 50000000000000, NULL, 'llama3.2'),
  ('premium', 1, 'Premium', '{phi3,llama3.2:*,mistral:*,codellama:*,qwen2.5:*}', 600, 1000000, 40, 8, 8192, 500000000000000, NULL, 'llama3.2'),
  ('enterprise', 1, 'Enterprise', '{*}', 3000, 10000000, 200, 16, 32768, NULL, 5000000000000000, 'llama3.2');

INSERT INTO alias (id, name, target) VALUES
  ('019a0000-0000-7000-8000-000000000001', 'fast', 'phi3'),
  ('019a0000-0000-7000-8000-000000000002', 'balanced', 'llama3.2'),
  ('019a0000-0000-7000-8000-000000000003', 'powerful', 'llama3.1:70b'),
  ('019a0000-0000-7000-8000-000000000004', 'expert', 'llama3.1:70b'),
  ('019a0000-0000-7000-8000-000000000005', 'coding', 'codellama:13b'),
  ('019a0000-0000-7000-8000-000000000006', 'creative', 'mistral:7b'),
  ('019a0000-0000-7000-8000-000000000007', 'tiny', 'tinyllama'),
  ('019a0000-0000-7000-8000-000000000008', 'code', 'granite-code:3b'),
  ('019a0000-0000-7000-8000-000000000009', 'medium', 'qwen2.5:3b'),
  ('019a0000-0000-7000-8000-00000000000a', 'large', 'qwen3:8b'),
  ('019a0000-0000-7000-8000-00000000000b', 'judge', 'qwen3:14b'),
  ('019a0000-0000-7000-8000-00000000000c', 'default', 'llama3.2');
