import { answer, type Counts, type Speech } from './scripted-upstream'

const USAGE: Counts = { prompt: 21, completion: 11 }

/** Ollama's native dialect, as recorded from a real server. */
export const OLLAMA_SPEECH: Speech = {
  provider: 'ollama',
  streamType: 'application/x-ndjson',
  path: '/api/chat',
  word: (content) => line({ message: { role: 'assistant', content }, done: false }),
  ending: (usage, finish = 'stop') => line({ message: { role: 'assistant', content: '' }, done: true, done_reason: finish, total_duration: 4670541, ...ollamaCounts(usage) }),
  whole: (content, usage) => line({ message: { role: 'assistant', content }, done: true, done_reason: 'stop', ...ollamaCounts(usage) }),
  errorFrame: (message) => `${JSON.stringify({ error: message })}\n`,
  errorBody: (error) => JSON.stringify({ error }),
  extra: {
    'no-model': answer(404, 'application/json; charset=utf-8', '{"error":"model \'no-model\' not found"}'),
    load: answer(200, 'application/json; charset=utf-8', line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'load' })),
    'bad-option': answer(500, 'application/json', '{"error":"option \\"temperature\\" must be of type float32"}'),
    'tool-final': ({ res }) =>
      res.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(
        line({ message: { role: 'assistant', content: '', tool_calls: [{ id: 'T5Q2', function: { index: 0, name: 'get_weather', arguments: { city: 'Paris' } } }] }, done: true, done_reason: 'stop', ...ollamaCounts(USAGE) }),
      ),
    'usage-every': ({ res }) => res.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(OLLAMA_SPEECH.word('a') + OLLAMA_SPEECH.ending({ prompt: 5, completion: 2 })),
    'usage-wrong': ({ res }) => res.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(OLLAMA_SPEECH.word('a') + OLLAMA_SPEECH.ending({ prompt: -5, completion: 2 })),
  },
}

/** OpenAI's chat completion chunks. */
export const OPENAI_SPEECH: Speech = {
  provider: 'openai',
  streamType: 'text/event-stream',
  path: '/v1/chat/completions',
  word: (content) => event({ choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null }),
  ending: (usage, finish = 'stop') =>
    event({ choices: [{ index: 0, delta: {}, finish_reason: finish }] }) + (usage ? event({ choices: [], usage: openAiCounts(usage) }) : '') + 'data: [DONE]\n\n',
  whole: (content, usage) =>
    JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop', logprobs: null }], ...(usage ? { usage: openAiCounts(usage) } : {}) }),
  errorFrame: (message) => `data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code: null } })}\n\n`,
  errorBody: (message) => JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: null } }),
  extra: {
    'no-model': answer(404, 'application/json', JSON.stringify({ error: { message: "The model 'x' does not exist.", type: 'invalid_request_error', param: null, code: 'model_not_found' } })),
    'eof-nodone': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(OPENAI_SPEECH.word('a') + event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })),
    'usage-late': ({ res }) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(OPENAI_SPEECH.word('a') + event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }))
      setTimeout(() => res.end(`${event({ choices: [], usage: openAiCounts(USAGE) })}data: [DONE]\n\n`), 300)
    },
    'left-open': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).write(OPENAI_SPEECH.word('a') + event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })),
    'err-200': answer(200, 'application/json', JSON.stringify({ error: { code: 502, message: 'Provider returned error', metadata: { provider_name: 'X', raw: '{"error":"boom"}' } } })),
    'usage-every': ({ res }) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
        [1, 2].map((n) => event({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }], usage: openAiCounts({ prompt: 5, completion: n }) })).join('') + OPENAI_SPEECH.ending(null),
      ),
    'usage-wrong': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(OPENAI_SPEECH.word('a') + OPENAI_SPEECH.ending({ prompt: '5', completion: 2 })),
  },
}

const routed = (fields: object) => `: OPENROUTER PROCESSING\n\n${event({ id: 'gen-1', provider: 'Sandbox', ...fields })}`

/** OpenRouter's way of the same: comments before anything, cost in usage unasked, errors beside an empty choice. */
export const OPENROUTER_SPEECH: Speech = {
  ...OPENAI_SPEECH,
  provider: 'openrouter',
  word: (content) => routed({ choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null, native_finish_reason: null }] }),
  ending: (usage, finish = 'stop') =>
    routed({ choices: [{ index: 0, delta: { content: '' }, finish_reason: finish, native_finish_reason: finish }] }) +
    (usage ? routed({ choices: [{ index: 0, delta: { content: '' }, finish_reason: null }], usage: { ...openAiCounts(usage), cost: 0.000423, cost_details: { upstream_inference_cost: null } } }) : '') +
    'data: [DONE]\n\n',
  errorFrame: (message) => routed({ error: { code: 502, message }, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }),
  errorBody: (message) => JSON.stringify({ error: { code: 400, message, metadata: { provider_name: 'X', raw: null } }, user_id: 'user_1' }),
  extra: {
    ...OPENAI_SPEECH.extra,
    'no-model': answer(400, 'application/json', JSON.stringify({ error: { message: 'no-model is not a valid model ID', code: 400 } })),
  },
}

/** Anthropic's named events: counts of the prompt in the first, those of the completion in the last but one. */
export const ANTHROPIC_SPEECH: Speech = {
  provider: 'anthropic',
  streamType: 'text/event-stream',
  path: '/v1/messages',
  word: (text) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
  ending: (usage, finish = 'end_turn') =>
    named('content_block_stop', { index: 0 }) + named('message_delta', { delta: { stop_reason: finish === 'length' ? 'max_tokens' : finish, stop_sequence: null }, ...(usage ? { usage: anthropicCounts(usage) } : {}) }) + named('message_stop', {}),
  whole: (text, usage) => JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'ok', content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, ...(usage ? { usage: anthropicCounts(usage) } : {}) }),
  errorFrame: (message) => named('error', { error: { type: 'api_error', message } }),
  errorBody: (message) => JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message }, request_id: 'req_1' }),
  extra: {
    'no-model': answer(404, 'application/json', JSON.stringify({ type: 'error', error: { type: 'not_found_error', message: 'model: x' } })),
    'usage-every': ({ res }) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(named('message_start', { message: { model: 'ok', content: [], usage: { input_tokens: 1, output_tokens: 1 } } }) + ANTHROPIC_SPEECH.word('a') + ANTHROPIC_SPEECH.ending({ prompt: 5, completion: 2 })),
    'usage-wrong': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(ANTHROPIC_SPEECH.word('a') + ANTHROPIC_SPEECH.ending({ prompt: -5, completion: 2 })),
    overloaded: ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(named('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })),
    cached: ({ res }) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
        named('message_start', { message: { model: 'ok', content: [], usage: { input_tokens: 3, cache_read_input_tokens: 100, cache_creation_input_tokens: 7, output_tokens: 1 } } }) + ANTHROPIC_SPEECH.word('a') + named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }) + named('message_stop', {}),
      ),
    'tool-think': ({ res }) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
        named('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } }) +
          named('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } }) +
          named('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'x' } }) +
          named('ping', {}) +
          named('content_block_start', { index: 1, content_block: { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} } }) +
          ['', '{"ci', 'ty":"Paris"}'].map((json) => named('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json: json } })).join('') +
          named('content_block_start', { index: 2, content_block: { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} } }) +
          ANTHROPIC_SPEECH.ending(USAGE, 'tool_use'),
      ),
  },
}

function named(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
}

function anthropicCounts({ prompt, completion }: Counts): object {
  return { input_tokens: prompt, output_tokens: completion, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
}

function line(fields: object): string {
  return `${JSON.stringify({ model: 'ok', created_at: '2026-11-20T18:52:43.593883299Z', ...fields })}\n`
}

function event(fields: object): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1795200764, model: 'ok', ...fields })}\n\n`
}

function ollamaCounts(usage: Counts | null): object {
  return usage ? { prompt_eval_count: usage.prompt, eval_count: usage.completion } : {}
}

function openAiCounts({ prompt, completion }: Counts): object {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: Number(prompt) + Number(completion), prompt_tokens_details: { cached_tokens: 0 } }
}
