import { readOllamaUsage } from './ollama-usage'
import { readLogprobs } from './logprobs'
import { asObject, type Reply } from './reply'

/**
 * Reads one line of Ollama's `/api/chat` (or its whole JSON answer, which has the same shape) into the reply. An error
 * line may follow content with HTTP 200; `load` and `unload` endings mean the model was moved, not asked (F64).
 */
export function readOllamaLine(reply: Reply, line: string): void {
  reply.startFrame()
  const body = parse(line)
  if (!body) {
    reply.malformed = 'line is not a JSON object'
    return
  }
  if (body.error !== undefined && body.error !== null) {
    reply.error = { status: null, body }
    return
  }
  if (reply.servedModel === null && typeof body.model === 'string' && body.model) reply.servedModel = body.model
  const message = asObject(body.message)
  if (message) {
    reply.reasoning(message.thinking, 0)
    reply.text(message.content, 0, message.thinking ? undefined : readLogprobs(body.logprobs))
    if (Array.isArray(message.tool_calls)) readToolCalls(reply, message.tool_calls)
  }
  if (body.done === true) readEnding(reply, body)
}

function readEnding(reply: Reply, body: Readonly<Record<string, unknown>>): void {
  const { done_reason: reason } = body
  if (reason === 'load' || reason === 'unload' || reason === '') {
    reply.malformed = `done_reason ${reason || 'empty'} is not an answer`
    return
  }
  reply.usage = readOllamaUsage(body)
  if (reason !== undefined && reason !== 'stop' && reason !== 'length') reply.flags.add('finish_reason_unknown')
  reply.finish(0, reason === 'length' ? 'length' : reply.hasToolCalls ? 'tool_calls' : 'stop')
  reply.isTerminal = true
}

/** Calls are whole in every line that has them; their own index restarts per line, so they are known by id or numbered here. */
function readToolCalls(reply: Reply, calls: readonly unknown[]): void {
  for (const item of calls) {
    const call = asObject(item)
    const said = asObject(call?.function)
    if (!call || !said) continue
    reply.toolCall(0, typeof call.id === 'string' && call.id ? `d${call.id}` : `n${reply.nextToolCall}`, { id: call.id, name: said.name, arguments: JSON.stringify(said.arguments ?? {}) })
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    return asObject(JSON.parse(line))
  } catch {
    return null
  }
}
