import { NestFactory } from '@nestjs/core'
import type { INestApplicationContext } from '@nestjs/common'
import { nanoCeil, type Caller } from '@tollgate/kernel'
import { LimitsService, type Reservation } from '@tollgate/limits'
import { systemIds } from '@tollgate/platform/clock'
import { parseEnvironment, requireCluster } from '@tollgate/platform/config'
import { withCredentials } from '@tollgate/platform/postgres'
import { AuthenticationService } from '@tollgate/tenants'
import { TiersService } from '@tollgate/tiers'
import type { UsageClaim } from '@tollgate/usage'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import { SettlementService } from '../../libs/chat/settlement.service'
import type { SettleSeed } from './seed'

const LEASE_MS = 15_000
const ESTIMATE_PICO = 1_000_000_000n

/** The two ends of the corridor, as a gateway has them: a call is let in, and settled at once as if a model had answered. */
export class CallMaker {
  /** What was charged in all. */
  amountPico = 0n
  private made = 0

  private constructor(
    private readonly app: INestApplicationContext,
    private readonly callers: readonly Caller[],
  ) {}

  static async start(seed: SettleSeed, redisUrl: string): Promise<CallMaker> {
    const config = requireCluster(
      parseEnvironment({
        NODE_ENV: 'production', LOG_LEVEL: 'error', DATABASE_URL: withCredentials(seed.databaseUrl, 'tg_app', seed.rolePassword), REDIS_URL: redisUrl, TOLLGATE_KEY_PEPPER: seed.secret, TOLLGATE_JWT_SECRET: seed.secret,
        TOLLGATE_SECRETS_KEY: seed.secret, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_REDIS_TIMEOUT_MS: '5000',
      }),
    )
    const app = await NestFactory.createApplicationContext(GatewayModule.register(config), { logger: ['error'], abortOnError: false })
    // Hard-capped callers wait until gateways of before could have registered what they run.
    const graceMs = await app.get(LimitsService, { strict: false }).markBuckets()
    await new Promise((resolve) => setTimeout(resolve, graceMs + 100))
    const callers: Caller[] = []
    for (const key of seed.keys) {
      const known = await app.get(AuthenticationService, { strict: false }).authenticate(key)
      if (known.kind !== 'caller') throw new Error(`a seeded key is refused: ${known.refusal.code}`)
      callers.push(known.caller)
    }
    return new CallMaker(app, callers)
  }

  /** Makes so many calls, `parallel` at once, each tenant's in turn. @throws when one is refused or not durable */
  async settle(calls: number, parallel: number): Promise<void> {
    const limits = this.app.get(LimitsService, { strict: false })
    const settlement = this.app.get(SettlementService, { strict: false })
    const tiers = this.app.get(TiersService, { strict: false })
    const last = this.made + calls
    const lane = async () => {
      while (this.made < last) {
        const n = this.made++
        const caller = this.callers[n % this.callers.length]!
        const rid = systemIds.uuid()
        const draft = (budgets: readonly string[]) => JSON.stringify({ tenant_id: caller.tenant.id, rid, budgets, project_id: null, key_id: caller.key.id, surface: 'openai', requested_model: 'llama3.2', model: 'llama3.2', is_stream: true })
        const admission = await limits.admit({ rid, caller, tier: tiers.get(caller.tenant.tier), project: null, estimatePico: ESTIMATE_PICO, estimateTokens: 1_000, leaseMs: LEASE_MS, gatewayId: 'bench', draft })
        if (admission.kind !== 'admitted') throw new Error(`call ${n} is not admitted: ${admission.kind === 'refused' ? admission.refusal.message : admission.kind}`)
        const claim = claimOf(n, caller, admission.reservation)
        this.amountPico += BigInt(claim.amount_pico)
        if (!(await settlement.record(admission.reservation, claim))) throw new Error(`call ${n} is not durable`)
      }
    }
    await Promise.all(Array.from({ length: parallel }, lane))
  }

  async stop(): Promise<void> {
    await this.app.close()
  }
}

/** A streamed answer as the corridor writes it, of a size that models give, on one of six hosts. */
function claimOf(n: number, caller: Caller, { rid, budgets, admittedAtMs }: Reservation): UsageClaim {
  const startedAt = new Date(admittedAtMs).toISOString()
  const [prompt, completion, host, duration] = [50 + (n % 900), 10 + (n % 300), `ollama-us-${n % 6}`, 200 + (n % 4_000)]
  const amountPico = BigInt(prompt * 50_000 + completion * 100_000)
  if (nanoCeil(amountPico) > nanoCeil(ESTIMATE_PICO)) throw new Error('a call costs more than was reserved')
  return {
    tenant_id: caller.tenant.id, day: startedAt.slice(0, 10), rid, rank: 1, amount_pico: amountPico.toString(), budgets, project_id: null, key_id: caller.key.id, surface: 'openai', requested_model: 'llama3.2', model: 'llama3.2',
    provider: 'ollama', region: 'us-east', host, model_digest: null, allowed_regions: ['us-east'], status: 'completed', error_code: null, finish_reason: 'stop', is_stream: true, prompt_tokens: prompt, completion_tokens: completion, cached_tokens: 0,
    cache_write_tokens: 0, reasoning_tokens: 0, usage_source: 'provider', raw_usage: JSON.stringify({ prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }), flags: [], price_id: null,
    duration_ms: duration, first_event_ms: 80, attempts: 1, started_at: startedAt, provider_attempts: [{ attempt: 1, host, provider: 'ollama', region: 'us-east', model: 'llama3.2', outcome: 'completed', duration_ms: duration, cost_pico: (amountPico / 2n).toString() }],
  }
}
