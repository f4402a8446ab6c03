import { decimalFromPico } from '@tollgate/kernel'

/** What an endpoint may ask to be told of. `webhook.test` is sent by hand only, so nobody asks for it. */
export const EVENT_TYPES = ['budget.soft_exceeded', 'budget.exhausted', 'credit.low', 'credit.exhausted'] as const

/** One of them. */
export type EventType = (typeof EVENT_TYPES)[number]

/** A budget or credit that passed a threshold. Money is pico of `currency`. */
export interface BudgetFact {
  readonly type: EventType
  readonly tenantId: string
  readonly tenantSlug: string
  /** `tenant`, `project:<id>`, `key:<id>` or `credit`. */
  readonly scope: string
  readonly period: string
  /** Which threshold: told of once for each. */
  readonly thresholdPico: bigint
  readonly softPico: bigint | null
  readonly spentPico: bigint
  /** Of credit: all that was granted. */
  readonly limitPico: bigint | null
  readonly currency: string
  readonly resetsAtMs: number | null
}

/** The body of an event, to the byte as it is signed and sent. `tenant` is a slug. */
export function factBody(id: string, createdAtMs: number, fact: BudgetFact): string {
  const money = (pico: bigint | null) => (pico === null ? null : decimalFromPico(pico))
  const data = {
    scope: fact.scope,
    period: fact.resetsAtMs === null ? null : fact.period,
    soft_budget: money(fact.softPico),
    spent: money(fact.spentPico),
    limit: money(fact.limitPico),
    currency: fact.currency,
    resets_at: fact.resetsAtMs === null ? null : new Date(fact.resetsAtMs).toISOString(),
  }
  return bodyOf(id, fact.type, createdAtMs, fact.tenantSlug, data)
}

/** The body of a test; `tenant` is null for an endpoint of the platform. */
export function testBody(id: string, createdAtMs: number, tenantSlug: string | null): string {
  return bodyOf(id, 'webhook.test', createdAtMs, tenantSlug, {})
}

function bodyOf(id: string, type: string, createdAtMs: number, tenant: string | null, data: object): string {
  return JSON.stringify({ id, type, created_at: new Date(createdAtMs).toISOString(), tenant, data })
}
