import type { CompletedChat, ServedBy } from '@tollgate/chat'
import type { FinishReason } from '@tollgate/kernel'
import { CollectedReply } from '../collected-reply'
import { messageOf } from './messages.wire'

const completed = (finishReason: FinishReason, stopSequence: string | null): CompletedChat => ({
  kind: 'completed', served: { model: 'm' } as ServedBy, finishReason, finishReasons: [finishReason], stopSequence, costPico: 1n, currency: 'USD', durationMs: 1, firstEventMs: 1, warnings: [], vectors: null,
  usage: { promptTokens: 2, completionTokens: 3, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider' },
})

describe('why a message ended', () => {
  it.each([
    ['stop', 'END', 'stop_sequence', 'END'],
    ['stop', 'something the caller never sent', 'end_turn', null],
    ['stop', null, 'end_turn', null],
    ['length', 'END', 'max_tokens', null],
  ] as const)('%s by %j is told as %s by %j', (finishReason, sequence, stop_reason, stop_sequence) => {
    const head = { id: 'msg_1', warnings: [], stopSequences: ['END', 'STOP'], likelyInputTokens: 0 }
    expect(messageOf(head, completed(finishReason, sequence), new CollectedReply())).toEqual({
      id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason, stop_sequence,
      usage: { input_tokens: 2, output_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, cost: '0.000000000001', currency: 'USD', source: 'provider' },
    })
  })
})
