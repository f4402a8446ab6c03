import type { Ticket } from '@tollgate/hosts/health'
import { lowEstimatePromptTokens } from '@tollgate/pricing'
import type { Share } from './attempts.service'
import type { RunningCall } from './running-call'

/** What a call weighs in line: its prompt, and the longest answer it may get. A long prompt is read for it, so only where there is a line. */
export function ticketOf({ caller, selection: { tier } }: RunningCall, { request, maxTokens }: Share): Ticket {
  let tokens: number | undefined
  return {
    tenantId: caller.tenant.id,
    tier: tier.slug,
    weight: tier.queueWeight,
    get tokens() {
      return (tokens ??= lowEstimatePromptTokens(request.messages) + maxTokens)
    },
  }
}
