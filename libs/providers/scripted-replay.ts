import type { Clock } from '@tollgate/kernel'
import type { OutboundHandler, OutboundPools } from '@tollgate/platform/outbound'
import type { AttemptOutcome, ProviderAdapter } from './domain/adapter'
import { callTo, Sink, type Overrides } from './scripted-call'

/** Bytes of an answer as the transport hands them over. */
export interface Replay {
  readonly type: string
  readonly chunks: readonly Buffer[]
  /** The connection breaks after the last chunk, instead of the answer ending. */
  readonly isBroken?: boolean
}

/** What an adapter made of a replay: everything but times. */
export type Told = Omit<AttemptOutcome, 'firstEventMs'> & { readonly sink: Sink }

/** Runs one call of an adapter with the transport played by hand: no socket, no wait. */
export async function replayed(make: (pools: OutboundPools, clock: Clock) => ProviderAdapter, provider: string, { type, chunks, isBroken = false }: Replay, over: Overrides = {}): Promise<Told> {
  let isStopped = false
  const play = (handler: OutboundHandler): void => {
    handler.onRequestStart({ abort: () => (isStopped = true), pause: () => {}, resume: () => {} }, false)
    handler.onResponseStart(200, { 'content-type': type })
    for (const chunk of chunks) if (!isStopped) handler.onResponseData(chunk)
    if (isStopped) return
    if (isBroken) handler.onResponseError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    else handler.onResponseEnd()
  }
  const pools = { acquire: () => ({ basePath: '', dispatch: (_request: unknown, handler: OutboundHandler) => play(handler) }) } as unknown as OutboundPools
  const clock: Clock = { now: () => 0, monotonicMs: () => 0 }
  const sink = new Sink()
  const { firstEventMs: _, ...told } = await make(pools, clock).chat(callTo('http://replay', provider, 'm', over), sink)
  return { ...told, sink }
}
