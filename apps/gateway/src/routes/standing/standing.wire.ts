import { decimalFromPico } from '@tollgate/kernel'
import type { Standing } from '@tollgate/limits/standing'

type Window = Standing['windows'][number]['requests']

/** The windows of tier and key. `used` is what the last minute counts; what runs may still give tokens back. */
export function windowsWire({ windows }: Standing) {
  return windows.map(({ rule, requests, tokens, maxParallel }) => ({ rule, requests_per_minute: windowWire(requests), tokens_per_minute: windowWire(tokens), max_parallel_requests: maxParallel }))
}

/** The budgets that the caller's calls are counted in. */
export function budgetsWire({ budgets }: Standing) {
  return budgets.map(({ scope, rule, maxPico, usedPico, reservedPico, resetsAt }) => {
    const left = maxPico === null ? null : maxPico - usedPico - reservedPico
    return {
      scope,
      rule,
      limit: maxPico === null ? null : decimalFromPico(maxPico),
      used: decimalFromPico(usedPico),
      reserved: decimalFromPico(reservedPico),
      remaining: left === null ? null : decimalFromPico(left < 0n ? 0n : left),
      resets_at: resetsAt,
    }
  })
}

function windowWire(window: Window) {
  return window && { ...window, remaining: Math.max(0, window.limit - window.used) }
}
