import { z } from 'zod'

const text = z.string().trim().min(1)
const flag = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1')
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const list = z.string().transform((value) => value.split(',').map((item) => item.trim()).filter(Boolean))
const isUrl = (value: string, ...schemes: string[]) => URL.canParse(value) && schemes.includes(new URL(value).protocol)
const url = (...schemes: string[]) =>
  text.refine((value) => isUrl(value, ...schemes), `must be a URL starting with ${schemes.map((s) => `${s}//`).join(' or ')}`)

/**
 * Every environment variable Tollgate reads, with its form and default (product.md 4). Nothing else in the house looks
 * at the environment. `TOLLGATE_*` names that are not listed here are errors; other programs' names are ignored.
 */
export const environmentSchema = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
  HOST: text.default('0.0.0.0'),
  PORT: count(0, 65535).optional(),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  REDIS_URL: text.refine((value) => value.split(',').every((part) => isUrl(part.trim(), 'redis:', 'rediss:')), 'must be a URL starting with redis:// or rediss://, or several with commas between them: nodes of a cluster').optional(),

  TOLLGATE_DATA_DIR: text.default('.tollgate'),
  TOLLGATE_DB_PASSWORD: text.min(8).optional(),
  TOLLGATE_DB_POOL_SIZE: count(1, 200).default(10),
  TOLLGATE_KEY_PEPPER: text.min(32).optional(),
  TOLLGATE_JWT_SECRET: text.min(32).optional(),
  TOLLGATE_SECRETS_KEY: text.min(32).optional(),
  TOLLGATE_SECRETS_KEYS_ALSO: list.pipe(z.array(text.min(32)).max(8)).default([]),
  TOLLGATE_OPERATOR_EMAIL: z.email().optional(),
  TOLLGATE_OPERATOR_PASSWORD: text.min(12).optional(),
  TOLLGATE_STRICT_DURABILITY: flag.default(false),
  TOLLGATE_CHECKPOINT_FILE: text.optional(),
  TOLLGATE_MCP_FILE: text.optional(),
  TOLLGATE_TRUST_PROXY_HOPS: count(0, 10).default(0),
  TOLLGATE_HOST_CIDRS: list.default([]),
  TOLLGATE_HOST_PORTS: list.default([]),
  TOLLGATE_ALLOW_LOOPBACK_HOSTS: flag.default(false),
  TOLLGATE_PROBE_INTERVAL_MS: count(200, 600_000).default(10_000),
  TOLLGATE_COPIES_GRACE_MS: count(0, 86_400_000).default(60_000),
  TOLLGATE_OLLAMA_MIN_VERSION: text.regex(/^\d+\.\d+(\.\d+)?$/, 'must be a version such as 0.17.1').default('0.17.1'),
  TOLLGATE_REDIS_TIMEOUT_MS: count(50, 60_000).default(250),
  TOLLGATE_LEASE_MS: count(1_000, 600_000).default(15_000),
  TOLLGATE_CHECKPOINT_MS: count(50, 60_000).default(1_000),
  TOLLGATE_FIRST_BYTE_TIMEOUT_MS: count(100, 600_000).default(60_000),
  TOLLGATE_IDLE_TIMEOUT_MS: count(100, 600_000).default(60_000),
  TOLLGATE_TOTAL_TIMEOUT_MS: count(1_000, 3_600_000).default(900_000),
  TOLLGATE_BODY_LIMIT_BYTES: count(1_024, 64 * 1024 * 1024).default(1024 * 1024),
  TOLLGATE_DRAIN_TIMEOUT_MS: count(100, 3_600_000).default(25_000),
  TOLLGATE_DRAIN_NOTICE_MS: count(0, 60_000).default(2_000),
  TOLLGATE_METRICS_TOKEN: text.optional(),
  TOLLGATE_SANDBOX_HOSTS: flag.default(true),
  // for the command line, which is not given its environment by this schema
  TOLLGATE_URL: text.optional(),
  TOLLGATE_GATEWAY_URL: text.optional(),
  TOLLGATE_TOKEN: text.optional(),
  TOLLGATE_API_KEY: text.optional(),
  TOLLGATE_PROFILE: text.optional(),

  PREFERRED_PROVIDER: z.enum(['openrouter', 'ollama', 'auto']).default('openrouter'),
  ENABLE_FALLBACK: flag.default(true),
  OLLAMA_ENABLED: flag.default(true),
  OLLAMA_BASE_URL: url('http:', 'https:').default('http://127.0.0.1:11434'),
  OLLAMA_DEFAULT_MODEL: text.optional(),
  OLLAMA_TIMEOUT: count(1, 3_600_000).optional(),
  OLLAMA_MAX_RETRIES: count(0, 2).default(2),
  OLLAMA_TEMPERATURE: z.coerce.number().min(0).max(2).optional(),
  OLLAMA_MAX_TOKENS: count(1, 1_000_000).optional(),
  OLLAMA_CONTEXT_LENGTH: count(256, 10_000_000).optional(),
  OLLAMA_KEEP_ALIVE: z.string().regex(/^-?(?:\d+|(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)$/, 'must be seconds, or a duration such as 10m').transform((value) => (/^-?\d+$/.test(value) ? Number(value) : value)).optional(),
  OLLAMA_STREAMING: flag.optional(),
  OLLAMA_HEALTH_CHECK_INTERVAL: count(1, 600_000).optional(),
  OLLAMA_AUTO_HEALTH_CHECK: flag.default(true),
  OPENAI_API_KEY: text.optional(),
  OPENROUTER_API_KEY: text.optional(),
  ANTHROPIC_API_KEY: text.optional(),
})

/** The validated environment. */
export type Environment = z.infer<typeof environmentSchema>
