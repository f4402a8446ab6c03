import type { ChatEvent } from '@tollgate/kernel'
import { Reply } from './reply'
import { toolRuleOf } from './tool-rule'

function replyOf(bounds: Partial<ConstructorParameters<typeof Reply>[1]> = {}) {
  const events: ChatEvent[] = []
  const reply = new Reply((event) => events.push(event), { maxTokens: 3, choices: 1, idPrefix: 'q_', ...bounds })
  const textOf = (choice: number) => events.map((event) => (event.kind === 'text' && event.choice === choice ? event.text : '')).join('')
  return { reply, events, textOf }
}

describe('the limit, held for each choice', () => {
  it('a whole answer of more words than tokens is cut behind the last that it may have', () => {
    const { reply, textOf } = replyOf()
    reply.startFrame()
    reply.text('  one two\n three   four five', 0)
    expect([textOf(0), reply.isCut, reply.finishReasons()]).toEqual(['  one two\n three', true, ['length']])
  })

  it('exactly as many is no cut', () => {
    const { reply, textOf } = replyOf()
    reply.startFrame()
    reply.text('one two three', 0)
    reply.finish(0, 'stop')
    expect([textOf(0), reply.hasCut, reply.finishReasons()]).toEqual(['one two three', false, ['stop']])
  })

  it('one choice that is cut does not end the others; the upstream is left when all have ended', () => {
    const { reply, textOf } = replyOf({ choices: 2 })
    for (const word of ['a ', 'b ', 'c ', 'd ', 'e ']) {
      reply.startFrame()
      reply.text(word, 0)
    }
    expect([reply.hasCut, reply.isCut]).toEqual([true, false])
    reply.startFrame()
    reply.text('x', 1)
    reply.finish(1, 'stop')
    expect([textOf(0), textOf(1), reply.isCut, reply.finishReasons()]).toEqual(['a b c ', 'x', true, ['length', 'stop']])
  })

  it('a frame without a whole word is a token too, and one with several events is not several', () => {
    const { reply } = replyOf()
    for (let frame = 0; frame < 3; frame++) {
      reply.startFrame()
      reply.reasoning('a', 0)
      reply.text('b', 0)
    }
    expect(reply.hasCut).toBe(false)
    reply.startFrame()
    reply.text('c', 0)
    expect(reply.hasCut).toBe(true)
  })
})

describe('the tool choice, held whatever the upstream knows of it', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }, { type: 'function', function: { name: 'g' } }]
  const heard = (parameters: Record<string, unknown>, names: readonly string[]) => {
    const { reply, events } = replyOf({ maxTokens: 100, tools: toolRuleOf({ tools, ...parameters }) })
    reply.startFrame()
    for (const [at, name] of names.entries()) {
      reply.toolCall(0, `i${at}`, { id: `c${at}`, name, arguments: '{' })
      reply.toolCall(0, `i${at}`, { arguments: '}' })
    }
    reply.finish(0, names.length > 0 ? 'tool_calls' : 'stop')
    return { calls: events.flatMap((event) => (event.kind === 'tool_call' && event.name !== undefined ? [event.name] : [])), fragments: events.length, reasons: reply.finishReasons(), flags: [...reply.flags], lacks: reply.lacksToolCall }
  }

  it.each([
    ['auto', {}, ['f', 'g'], ['f', 'g'], false],
    ['none', { tool_choice: 'none' }, ['f'], [], false],
    ['a name', { tool_choice: { type: 'function', function: { name: 'g' } } }, ['f', 'g'], ['g'], false],
    ['one at a time', { parallel_tool_calls: false }, ['f', 'g'], ['f'], false],
    ['required', { tool_choice: 'required' }, ['f'], ['f'], false],
    ['required, and none came', { tool_choice: 'required' }, [], [], true],
    ['a name, and another came', { tool_choice: { type: 'function', function: { name: 'g' } } }, ['f'], [], true],
  ])('%s', (_name, parameters, names, calls, lacks) => {
    const found = heard(parameters, names)
    expect(found).toMatchObject({ calls, lacks, fragments: calls.length * 2, reasons: [calls.length > 0 ? 'tool_calls' : 'stop'] })
    expect(found.flags.includes('unasked_tool_call')).toBe(calls.length < names.length)
  })

  it('an answer that was cut before its call lacks nothing', () => {
    const { reply } = replyOf({ tools: toolRuleOf({ tools, tool_choice: 'required' }) })
    reply.finish(0, 'length')
    expect(reply.lacksToolCall).toBe(false)
  })
})
