import { AnthropicReader } from './anthropic_openai'
import { Reply } from './reply'

function hear(frames: readonly object[], isWhole = false): Reply {
  const reply = new Reply(() => undefined, { maxTokens: 1000, choices: 1, idPrefix: 'q_' })
  const reader = new AnthropicReader()
  for (const frame of frames) reader.read(reply, JSON.stringify(frame), isWhole)
  return reply
}

describe('Anthropic’s stop sequences', () => {
  it.each([
    [{ stop_reason: 'stop_sequence', stop_sequence: 'END' }, 'END'],
    [{ stop_reason: 'end_turn', stop_sequence: null }, null],
    [{ stop_reason: 'end_turn', stop_sequence: 'END' }, null],
  ])('%j names %j, streamed or whole', (stop, sequence) => {
    const usage = { input_tokens: 1, output_tokens: 1 }
    expect(hear([{ type: 'message_delta', delta: stop, usage }, { type: 'message_stop' }])).toMatchObject({ finishReason: 'stop', stopSequence: sequence, isTerminal: true })
    expect(hear([{ type: 'message', content: [{ type: 'text', text: 'a' }], ...stop, usage }], true)).toMatchObject({ finishReason: 'stop', stopSequence: sequence })
  })
})
