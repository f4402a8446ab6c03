import { answerTo, contentPieces, type Answer } from '../answer'
import { contentText, countPrompt, limitOf, type Ask } from '../ask'
import { letters } from '../ids'
import { listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import type { Scene } from '../scene'
import { streamed, wholeAnswer, type Frame, type FrameRole, type Script } from '../script'
import { createdOf, modelOf } from './identity'
import { modelMissing } from './errors'
import { FLAVOURS } from './flavour'
import { cardFor } from './gate'

function askOf(scene: Scene, model: string): Ask {
  const { body } = scene
  const items = typeof body.input === 'string' ? [{ content: body.input }] : listOf(body.input)
  const instructions = textOf(body.instructions)
  return {
    model,
    isStream: body.stream === true,
    promptTokens: countPrompt(instructions ? [{ content: instructions }, ...items] : items, listOf(body.tools)),
    limit: limitOf(body.max_output_tokens),
    lastUser: contentText(objectOf(items.at(-1)).content),
    toolNames: [],
    toolAnswers: [''],
    schema: undefined,
    think: false,
    topLogprobs: undefined,
    choices: 1,
    includeUsage: true,
  }
}

interface Draft {
  id: string
  itemId: string
  created: number
}

function draftOf(scene: Scene): Draft {
  const sequence = scene.stage.nextId()
  const created = createdOf(scene)
  if (scene.stage.dialect !== 'ollama') {
    return {
      id: `resp_${letters(`response-${sequence}`, 32)}`,
      itemId: `msg_${letters(`item-${sequence}`, 32)}`,
      created,
    }
  }
  return { id: `resp_${100_000 + (sequence % 900_000)}`, itemId: `msg_${200_000 + (sequence % 800_000)}`, created }
}

const usageOf = (answer: Answer): JsonObject => ({
  input_tokens: answer.promptTokens,
  output_tokens: answer.tokens,
  total_tokens: answer.promptTokens + answer.tokens,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 0 },
})

const partOf = (text: string): JsonObject => ({ type: 'output_text', text, annotations: [], logprobs: [] })

const itemOf = (draft: Draft, status: string, content: JsonObject[]): JsonObject => ({
  id: draft.itemId,
  type: 'message',
  status,
  role: 'assistant',
  content,
})

function responseOf(scene: Scene, ask: Ask, draft: Draft, answer: Answer | undefined, text: string): JsonObject {
  const { body } = scene
  return {
    id: draft.id,
    object: 'response',
    created_at: draft.created,
    completed_at: answer ? draft.created : null,
    status: answer ? 'completed' : 'in_progress',
    incomplete_details: null,
    model: modelOf(scene, ask),
    previous_response_id: null,
    instructions: body.instructions ?? null,
    output: answer ? [itemOf(draft, 'completed', [partOf(text)])] : [],
    error: null,
    tools: listOf(body.tools),
    tool_choice: body.tool_choice ?? 'auto',
    truncation: 'disabled',
    parallel_tool_calls: true,
    text: { format: { type: 'text' } },
    top_p: numberOf(body.top_p) ?? 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    top_logprobs: 0,
    temperature: numberOf(body.temperature) ?? 1,
    reasoning: null,
    usage: answer ? usageOf(answer) : null,
    max_output_tokens: numberOf(body.max_output_tokens) ?? null,
    max_tool_calls: null,
    store: false,
    background: false,
    service_tier: 'default',
    metadata: {},
    safety_identifier: null,
    prompt_cache_key: null,
  }
}

/** llama.cpp sends the few members a reader cannot do without. */
function shortResponse(full: JsonObject, answer: Answer): JsonObject {
  const { completed_at, created_at, id, model, object, output, status } = full
  const { output_tokens_details: _, ...usage } = usageOf(answer)
  return { completed_at, created_at, id, model, object, output, status, usage }
}

function* events(scene: Scene, ask: Ask, answer: Answer): Generator<Frame> {
  const draft = draftOf(scene)
  let sequence = 0
  const event = (role: FrameRole, type: string, members: JsonObject, tokens = 0): Frame => ({
    role,
    data: `event: ${type}\ndata: ${JSON.stringify({ ...members, sequence_number: sequence++, type })}\n\n`,
    tokens,
  })
  const where = { content_index: 0, item_id: draft.itemId, output_index: 0 }
  const start = { response: responseOf(scene, ask, draft, undefined, '') }
  yield event('open', 'response.created', start)
  yield event('open', 'response.in_progress', start)
  yield event('open', 'response.output_item.added', { item: itemOf(draft, 'in_progress', []), output_index: 0 })
  yield event('open', 'response.content_part.added', { ...where, part: partOf('') })
  for (const piece of contentPieces(answer)) {
    yield event('content', 'response.output_text.delta', { ...where, delta: piece, logprobs: [] }, 1)
  }
  const text = answer.content.join('')
  yield event('open', 'response.output_text.done', { ...where, logprobs: [], text })
  yield event('open', 'response.content_part.done', { ...where, part: partOf(text) })
  yield event('open', 'response.output_item.done', {
    item: itemOf(draft, 'completed', [partOf(text)]),
    output_index: 0,
  })
  const tokens = Math.max(0, answer.tokens - answer.content.length)
  yield event('finish', 'response.completed', { response: responseOf(scene, ask, draft, answer, text) }, tokens)
}

/** POST /v1/responses without tools or state: text in, one message out. */
export function compatibleResponses(scene: Scene): Script {
  const { stage, body } = scene
  const card = cardFor(scene)
  if (!card) return modelMissing(scene, textOf(body.model) ?? '')
  const ask = askOf(
    scene,
    stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : (textOf(body.model) ?? ''),
  )
  const answer = answerTo(ask, scene.behaviour, stage, card)
  if (ask.isStream) {
    const script = streamed('text/event-stream', events(scene, ask, answer), answer.promptTokens)
    script.headers['cache-control'] = 'no-cache'
    return script
  }
  const flavour = FLAVOURS[stage.dialect]
  const full = responseOf(scene, ask, draftOf(scene), answer, answer.content.join(''))
  const value = stage.dialect === 'llamacpp' ? shortResponse(full, answer) : full
  return wholeAnswer(flavour.jsonType, JSON.stringify(value) + flavour.bodyEnd, answer.promptTokens, answer.tokens)
}
