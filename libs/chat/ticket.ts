import type { Ticket } from '@tollgate/hosts/health'
import type { ChatMessage } from '@tollgate/kernel'
import { lowEstimatePromptTokens } from '@tollgate/pricing'
import type { RunningCall } from './running-call'

/** What a call weighs in line: its prompt, and the longest answer it may get. A long prompt is read for it, so only where there is a line. */
export function ticketOf({ caller, selection: { tier } }: RunningCall, messages: readonly ChatMessage[], maxTokens: number): Ticket {
  let tokens: number | undefined
  return {
    tenantId: caller.tenant.id,
    tier: tier.slug,
    weight: tier.queueWeight,
    get tokens() {
      return (tokens ??= lowEstimatePromptTokens(messages) + maxTokens)
    },
  }
}
