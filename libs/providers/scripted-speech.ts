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
    'left-open': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).write(OPENAI_SPEECH.word('a') + event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })),
    'err-200': answer(200, 'application/json', JSON.stringify({ error: { code: 502, message: 'Provider returned error', metadata: { provider_name: 'X', raw: '{"error":"boom"}' } } })),
    'usage-every': ({ res }) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(
        [1, 2].map((n) => event({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }], usage: openAiCounts({ prompt: 5, completion: n }) })).join('') + OPENAI_SPEECH.ending(null),
      ),
    'usage-wrong': ({ res }) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(OPENAI_SPEECH.word('a') + OPENAI_SPEECH.ending({ prompt: '5', completion: 2 })),
  },
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
