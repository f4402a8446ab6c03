import { MOST_CHARGE_PICO, type Pico } from '@tollgate/kernel'

/** What operators pay is kept in one currency: that of the providers' list prices and reported costs. */
export const COST_CURRENCY = 'USD'

const HOUR_MS = 3_600_000n

/**
 * An attempt's share of a host's cost per hour: its duration × cost ÷ (one hour × the calls the host may run at once),
 * rounded down to whole pico. Rounding down, and at most `maxParallel` calls at once, keep the sum of all shares within
 * what the host cost; the rest is idle cost.
 */
export function hostShareCost(durationMs: number, costPerHourPico: Pico, maxParallel: number): Pico {
  return (BigInt(durationMs) * costPerHourPico) / (HOUR_MS * BigInt(maxParallel))
}

/**
 * What the provider itself says a call cost, from its usage object as kept (`raw_usage`): OpenRouter's `cost`, in US
 * dollars, and with a customer's own key (`is_byok`) what the model's maker takes on top. Null when it says nothing
 * usable. The digits are read as text, so nothing is lost to a float; what is finer than a pico is rounded up.
 */
export function reportedCost(rawUsage: string | null): Pico | null {
  if (rawUsage === null || !rawUsage.includes('"cost"')) return null
  const usage = JSON.parse(rawUsage) as { cost?: unknown; is_byok?: unknown; cost_details?: { upstream_inference_cost?: unknown } | null } | null
  const cost = picoOf(usage?.cost)
  if (cost === null || usage?.is_byok !== true) return cost
  return cost + (picoOf(usage.cost_details?.upstream_inference_cost) ?? 0n)
}

/** A non-negative decimal, as a JSON number or a string, in pico. */
function picoOf(value: unknown): Pico | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null
  const match = /^(\d{1,20})(?:\.(\d{1,40}))?(?:e([+-]?\d{1,2}))?$/i.exec(String(value))
  if (!match) return null
  const [, whole, fraction = '', exponent = '0'] = match
  const digits = BigInt(whole + fraction)
  const shift = 12 - fraction.length + Number(exponent)
  const pico = shift >= 0 ? digits * 10n ** BigInt(shift) : ceilDivide(digits, 10n ** BigInt(-shift))
  // A provider that reports more for one call is wrong.
  return pico <= MOST_CHARGE_PICO ? pico : null
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}
