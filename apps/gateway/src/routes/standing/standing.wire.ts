import { decimalFromPico } from '@tollgate/kernel'
import type { Standing } from '@tollgate/limits/standing'

const PICO_PER_NANO = 1_000n
type Window = Standing['windows'][number]['requests']

/** The windows of tier and key. `used` is what the last minute counts; what runs may still give tokens back. */
export function windowsWire({ windows }: Standing) {
  return windows.map(({ rule, requests, tokens, maxParallel }) => ({ rule, requests_per_minute: windowWire(requests), tokens_per_minute: windowWire(tokens), max_parallel_requests: maxParallel }))
}

/** The budgets that the caller's calls are counted in, in their present periods. `reserved` is what running calls may cost at most. */
export function budgetsWire({ budgets: { scopes, standings } }: Standing) {
  return scopes.map(({ scope, rule, maxPico, period }, i) => {
    const { usedNano, reservedNano } = standings[i]!
    const [used, reserved] = [BigInt(usedNano) * PICO_PER_NANO, BigInt(reservedNano) * PICO_PER_NANO]
    const left = maxPico === null ? null : maxPico - used - reserved
    return {
      scope,
      rule,
      limit: maxPico === null ? null : decimalFromPico(maxPico),
      used: decimalFromPico(used),
      reserved: decimalFromPico(reserved),
      remaining: left === null ? null : decimalFromPico(left < 0n ? 0n : left),
      // Prepaid credit does not begin anew.
      resets_at: scope === 'credit' ? null : new Date(period.endsAtMs).toISOString(),
    }
  })
}

function windowWire(window: Window) {
  return window && { ...window, remaining: Math.max(0, window.limit - window.used) }
}
