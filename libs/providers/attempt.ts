import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundHost, OutboundPools } from '@tollgate/platform/outbound'
import type { AttemptFailure, AttemptOutcome, UpstreamCall } from './domain/adapter'
import { callerFailure } from './domain/failure'
import { outcomeOf } from './domain/outcome'
import { Reply } from './domain/reply'
import type { Dialect } from './domain/dialect'
import { Exchange } from './exchange'
import { transportFailure } from './transport-failure'

/** A dialect for this call, or why the request cannot be put in its words. */
export type DialectChoice = { readonly ok: true; readonly dialect: Dialect } | { readonly ok: false; readonly reason: string }

/** Runs one call in one dialect. Bad base URLs and untranslatable requests end as outcomes too, never as exceptions. */
export function attempt(
  pools: OutboundPools,
  clock: Clock,
  call: UpstreamCall,
  sink: ReplySink,
  choose: (host: OutboundHost) => DialectChoice,
): Promise<AttemptOutcome> {
  let host: OutboundHost
  try {
    host = pools.acquire(call.target)
  } catch (error) {
    return Promise.resolve(unsent(call, transportFailure(error as Error, false, true)))
  }
  const choice = choose(host)
  if (choice.ok) return new Exchange(call, choice.dialect, host, sink, clock).run()
  const { target, request } = call
  const context = { requestedModel: request.model, model: target.model, secret: target.secret }
  return Promise.resolve(unsent(call, callerFailure(choice.reason, 'not translatable', context)))
}

function unsent(call: UpstreamCall, failure: AttemptFailure): AttemptOutcome {
  const silent = new Reply(() => {}, { maxTokens: 0, choices: 1, idPrefix: '' })
  return outcomeOf(silent, call, { choices: 1, ignoresModel: true }, null, failure)
}
