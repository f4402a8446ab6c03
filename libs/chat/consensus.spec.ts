import { refuse, type Caller, type ChatRequest, type Ids } from '@tollgate/kernel'
import type { TiersService } from '@tollgate/tiers'
import type { AccessService } from './access.service'
import type { ChatResult } from './chat-result'
import type { ChatCall, ChatService } from './chat.service'
import { ConsensusService } from './consensus.service'

const REQUEST: ChatRequest = { model: null, messages: [{ role: 'user', content: 'Hi' }], stream: false, maxTokens: null, project: null, parameters: {}, bodyBytes: 1 }
const USAGE = { promptTokens: 1, completionTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider' }
const answered = (costPico: bigint) => ({ kind: 'completed', served: { model: 'm' }, usage: USAGE, costPico, warnings: [] }) as unknown as ChatResult

/** Asks two models and a judge whose calls end as given; each says "1". */
async function asked(ends: { one: ChatResult; two: ChatResult; judge: ChatResult }): Promise<ChatResult> {
  const chat = {
    serve: ({ request, reply }: ChatCall) => {
      reply.push({ kind: 'text', text: '1', choice: 0 })
      return Promise.resolve(ends[request.model as keyof typeof ends])
    },
  }
  const access = { select: (_caller: Caller, { model }: ChatRequest) => Promise.resolve({ kind: 'selected', model: { name: model } }) }
  const tiers = { get: () => ({ features: { consensus: true } }) }
  let rids = 0
  const service = new ConsensusService(chat as unknown as ChatService, access as unknown as AccessService, tiers as unknown as TiersService, { uuid: () => `rid-${++rids}` } as Ids)
  const call = { rid: 'rid-0', surface: 'consensus', caller: { tenant: { tier: 'panel' } } as Caller, request: REQUEST, reply: null as never, stop: new AbortController() }
  return (await service.serve(call, { models: ['one', 'two'], judge: 'judge' })).result
}

describe('the bill of a consensus', () => {
  const refused: ChatResult = { kind: 'refused', refusal: refuse('upstream_timeout') }

  it('is the sum of what answered', async () => {
    expect(await asked({ one: answered(1n), two: answered(2n), judge: answered(4n) })).toMatchObject({ kind: 'completed', costPico: 7n })
    expect(await asked({ one: answered(1n), two: refused, judge: answered(4n) })).toMatchObject({ kind: 'completed', costPico: 1n })
  })

  it.each(['one', 'two', 'judge'] as const)('is not told while no store has the usage of %s, which may be billed yet', async (name) => {
    const ends = { one: answered(1n), two: answered(2n), judge: answered(4n), [name]: { kind: 'unrecorded' } as const }
    expect(await asked(ends)).toEqual({ kind: 'unrecorded' })
  })
})
