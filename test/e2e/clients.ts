import Anthropic from '@anthropic-ai/sdk'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { AIMessageChunk, HumanMessage, ToolMessage, type AIMessage, type BaseMessage } from '@langchain/core/messages'
import type { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { tool as langTool } from '@langchain/core/tools'
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { embed, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool, type LanguageModel } from 'ai'
import { Ollama, type Message } from 'ollama'
import { createOllama } from 'ollama-ai-provider-v2'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources'
import type { Response, ResponseInputItem } from 'openai/resources/responses/responses'

/** The one argument of the tool, and the object that answers by schema are. */
export const CITY = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'], additionalProperties: false }

/** Where a client is pointed, as whom, at which model. Its own retries are off. */
export interface Door {
  readonly url: string
  readonly key: string
  readonly model: string
}

/** What an answer was, and the tokens that the client says it took. */
export interface Said {
  readonly text: string
  readonly input: number | undefined
  readonly output: number | undefined
}

/** A round trip with the tool `get_weather`, which always says 21 degrees. */
export interface Toured {
  readonly cities: readonly string[]
  readonly text: string
}

/** One real client, driven as its manual says. An absent method is something that the client cannot do. */
export interface RealClient {
  chat(door: Door, question: string, signal?: AbortSignal): Promise<Said>
  /** @param heard called with every piece of text as it arrives */
  stream(door: Door, question: string, heard?: (text: string) => void, signal?: AbortSignal): Promise<Said>
  /** @param streams every answer on the way is read as a stream */
  tools(door: Door, question: string, streams?: boolean): Promise<Toured>
  structured(door: Door, question: string): Promise<unknown>
  embed?(door: Door, text: string): Promise<readonly number[]>
  /** The status in what `chat` threw. */
  statusOf(error: unknown): number | undefined
  /** An unstreamed call cannot be taken back. */
  readonly isBoundToWholeCalls?: true
}

const FUNCTION = { name: 'get_weather', description: 'Weather of a city', parameters: CITY }
const argumentsIn = (text: string): string => (JSON.parse(text) as { city: string }).city
const statusIn = (error: unknown): number | undefined => (error as { status?: number }).status

function openai(): RealClient {
  const of = ({ url, key }: Door) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  const asked = (content: string): ChatCompletionMessageParam[] => [{ role: 'user', content }]
  return {
    async chat(door, question, signal) {
      const { choices, usage } = await of(door).chat.completions.create({ model: door.model, messages: asked(question) }, { signal })
      return { text: choices[0]!.message.content!, input: usage?.prompt_tokens, output: usage?.completion_tokens }
    },
    async stream(door, question, heard, signal) {
      const said = { text: '', input: undefined as number | undefined, output: undefined as number | undefined }
      for await (const { choices, usage } of await of(door).chat.completions.create({ model: door.model, messages: asked(question), stream: true, stream_options: { include_usage: true } }, { signal })) {
        const text = choices[0]?.delta.content ?? ''
        said.text += text
        if (usage) Object.assign(said, { input: usage.prompt_tokens, output: usage.completion_tokens })
        if (text) heard?.(text)
      }
      return said
    },
    async tools(door, question, streams) {
      const cities: string[] = []
      const { completions } = of(door).chat
      const wish = { model: door.model, messages: asked(question), tools: [{ type: 'function' as const, function: { ...FUNCTION, parse: argumentsIn, function: (city: string) => (cities.push(city), '21 degrees') } }] }
      const runner = streams ? completions.runTools({ ...wish, stream: true }) : completions.runTools(wish)
      return { text: (await runner.finalContent())!, cities }
    },
    async structured(door, question) {
      const { choices } = await of(door).chat.completions.parse({ model: door.model, messages: asked(question), response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: CITY, strict: true } } })
      return JSON.parse(choices[0]!.message.content!)
    },
    embed: async (door, text) => (await of(door).embeddings.create({ model: door.model, input: text })).data[0]!.embedding,
    statusOf: statusIn,
  }
}

function openaiResponses(): RealClient {
  const of = ({ url, key }: Door) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  const weather = { type: 'function' as const, ...FUNCTION, strict: false }
  return {
    async chat(door, question, signal) {
      const { output_text: text, usage } = await of(door).responses.create({ model: door.model, input: question }, { signal })
      return { text, input: usage?.input_tokens, output: usage?.output_tokens }
    },
    async stream(door, question, heard, signal) {
      const stream = of(door).responses.stream({ model: door.model, input: question }, { signal })
      for await (const event of stream) if (event.type === 'response.output_text.delta') heard?.(event.delta)
      const { output_text: text, usage } = await stream.finalResponse()
      return { text, input: usage?.input_tokens, output: usage?.output_tokens }
    },
    async tools(door, question, streams) {
      const { responses } = of(door)
      const ask = (items: ResponseInputItem[]): Promise<Response> => (streams ? responses.stream({ model: door.model, input: items, tools: [weather] }).finalResponse() : responses.create({ model: door.model, input: items, tools: [weather] }))
      const input: ResponseInputItem[] = [{ role: 'user', content: question }]
      const first = await ask(input)
      const calls = first.output.filter((item) => item.type === 'function_call')
      const results = calls.map(({ call_id }): ResponseInputItem => ({ type: 'function_call_output', call_id, output: '21 degrees' }))
      const second = await ask([...input, ...calls, ...results])
      return { text: second.output_text, cities: calls.map((call) => argumentsIn(call.arguments)) }
    },
    async structured(door, question) {
      const { output_text: text } = await of(door).responses.create({ model: door.model, input: question, text: { format: { type: 'json_schema', name: 'answer', schema: CITY, strict: true } } })
      return JSON.parse(text)
    },
    statusOf: statusIn,
  }
}

function anthropic(): RealClient {
  const of = ({ url, key }: Door) => new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 })
  const body = ({ model }: Door, content: string) => ({ model, max_tokens: 2_000, messages: [{ role: 'user' as const, content }] })
  const said = ({ content, usage }: Anthropic.Message): Said => ({ text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''), input: usage.input_tokens, output: usage.output_tokens })
  return {
    chat: async (door, question, signal) => said(await of(door).messages.create(body(door, question), { signal })),
    async stream(door, question, heard, signal) {
      const stream = of(door).messages.stream(body(door, question), { signal })
      stream.on('text', (text) => heard?.(text))
      return said(await stream.finalMessage())
    },
    async tools(door, question, streams) {
      const cities: string[] = []
      const wanted = { ...body(door, question), tools: [{ name: FUNCTION.name, description: FUNCTION.description, input_schema: CITY }] }
      const ask = (messages: Anthropic.MessageParam[]) => (streams ? of(door).messages.stream({ ...wanted, messages }).finalMessage() : of(door).messages.create({ ...wanted, messages }))
      const first = await ask(wanted.messages)
      const results = first.content.flatMap((block) => {
        if (block.type !== 'tool_use') return []
        cities.push((block.input as { city: string }).city)
        return [{ type: 'tool_result' as const, tool_use_id: block.id, content: '21 degrees' }]
      })
      const second = await ask([...wanted.messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }])
      return { text: said(second).text, cities }
    },
    async structured(door, question) {
      return JSON.parse(said(await of(door).messages.create({ ...body(door, question), output_config: { format: { type: 'json_schema', schema: CITY } } })).text)
    },
    statusOf: statusIn,
  }
}

function ollama(): RealClient {
  const of = ({ url, key }: Door) => new Ollama({ host: url, headers: { authorization: `Bearer ${key}` } })
  const asked = (content: string): Message[] => [{ role: 'user', content }]
  return {
    isBoundToWholeCalls: true,
    async chat(door, question) {
      const { message, prompt_eval_count: input, eval_count: output } = await of(door).chat({ model: door.model, messages: asked(question) })
      return { text: message.content, input, output }
    },
    async stream(door, question, heard, signal) {
      let said: Said = { text: '', input: undefined, output: undefined }
      const stream = await of(door).chat({ model: door.model, messages: asked(question), stream: true })
      signal?.addEventListener('abort', () => stream.abort())
      // It may have come before there was a stream to stop.
      if (signal?.aborted) stream.abort()
      for await (const { message, prompt_eval_count: input, eval_count: output } of stream) {
        said = { text: said.text + message.content, input, output }
        if (message.content) heard?.(message.content)
      }
      return said
    },
    async tools(door, question, streams) {
      const wish = { model: door.model, tools: [{ type: 'function', function: FUNCTION }] }
      const ask = async (messages: Message[]): Promise<Message> => {
        if (!streams) return (await of(door).chat({ ...wish, messages })).message
        const whole: Message = { role: 'assistant', content: '' }
        for await (const { message: part } of await of(door).chat({ ...wish, messages, stream: true })) {
          whole.content += part.content
          if (part.tool_calls) whole.tool_calls = [...(whole.tool_calls ?? []), ...part.tool_calls]
        }
        return whole
      }
      const message = await ask(asked(question))
      const results = (message.tool_calls ?? []).map((call): Message => ({ role: 'tool', content: '21 degrees', tool_name: call.function.name }))
      const second = await ask([...asked(question), message, ...results])
      return { text: second.content, cities: (message.tool_calls ?? []).map((call) => (call.function.arguments as { city: string }).city) }
    },
    structured: async (door, question) => JSON.parse((await of(door).chat({ model: door.model, messages: asked(question), format: CITY })).message.content),
    embed: async (door, text) => (await of(door).embed({ model: door.model, input: text })).embeddings[0]!,
    statusOf: (error) => (error as { status_code?: number }).status_code,
  }
}

function aiSdk(modelOf: (door: Door) => LanguageModel, embedderOf: (door: Door) => Parameters<typeof embed>[0]['model']): RealClient {
  return {
    async chat(door, prompt, abortSignal) {
      const { text, usage } = await generateText({ model: modelOf(door), prompt, abortSignal, maxRetries: 0 })
      return { text, input: usage.inputTokens, output: usage.outputTokens }
    },
    async stream(door, prompt, heard, abortSignal) {
      const streamed = streamText({ model: modelOf(door), prompt, abortSignal, maxRetries: 0, onError: () => undefined })
      let text = ''
      for await (const part of streamed.textStream) {
        text += part
        heard?.(part)
      }
      const usage = await streamed.usage
      return { text, input: usage.inputTokens, output: usage.outputTokens }
    },
    async tools(door, prompt, streams) {
      const cities: string[] = []
      const weather = tool({ description: FUNCTION.description, inputSchema: jsonSchema<{ city: string }>(CITY), execute: async ({ city }) => (cities.push(city), '21 degrees') })
      const wish = { model: modelOf(door), prompt, tools: { get_weather: weather }, stopWhen: stepCountIs(3), maxRetries: 0 }
      return { text: streams ? await streamText(wish).text : (await generateText(wish)).text, cities }
    },
    structured: async (door, prompt) => (await generateObject({ model: modelOf(door), prompt, schema: jsonSchema(CITY), maxRetries: 0 })).object,
    embed: async (door, value) => (await embed({ model: embedderOf(door), value, maxRetries: 0 })).embedding,
    statusOf: (error) => (error as { statusCode?: number }).statusCode,
  }
}

function langChain(modelOf: (door: Door) => BaseChatModel, embedderOf: (door: Door) => { embedQuery(text: string): Promise<number[]> }, statusOf: RealClient['statusOf']): RealClient {
  const said = ({ content, usage_metadata: usage }: { content: unknown; usage_metadata?: { input_tokens: number; output_tokens: number } }): Said => ({ text: String(content), input: usage?.input_tokens, output: usage?.output_tokens })
  return {
    chat: async (door, question, signal) => said((await modelOf(door).invoke(question, { signal })) as AIMessage),
    async stream(door, question, heard, signal) {
      let whole: Said = { text: '', input: undefined, output: undefined }
      for await (const part of await modelOf(door).stream(question, { signal })) {
        const { text, input, output } = said(part as never)
        whole = { text: whole.text + text, input: input ?? whole.input, output: output ?? whole.output }
        if (text) heard?.(text)
      }
      return whole
    },
    async tools(door, question, streams) {
      const cities: string[] = []
      const weather = langTool(async ({ city }: { city: string }) => (cities.push(city), '21 degrees'), { name: FUNCTION.name, description: FUNCTION.description, schema: CITY })
      const bound = modelOf(door).bindTools!([weather])
      const ask = async (messages: BaseMessage[]): Promise<AIMessage> => {
        if (!streams) return (await bound.invoke(messages)) as AIMessage
        let whole: AIMessageChunk | undefined
        for await (const part of await bound.stream(messages)) whole = whole ? whole.concat(part as AIMessageChunk) : (part as AIMessageChunk)
        return whole! as unknown as AIMessage
      }
      const history: BaseMessage[] = [new HumanMessage(question)]
      const first = await ask(history)
      const results: ToolMessage[] = []
      for (const call of first.tool_calls ?? []) results.push(new ToolMessage({ content: (await weather.func(call.args as never)) as string, tool_call_id: call.id ?? '', name: call.name }))
      const second = await ask([...history, first, ...results])
      return { text: String(second.content), cities }
    },
    structured: (door, question) => modelOf(door).withStructuredOutput(CITY, { method: 'jsonSchema' }).invoke(question),
    embed: (door, text) => embedderOf(door).embedQuery(text),
    statusOf,
  }
}

const headersOf = ({ key }: Door) => ({ authorization: `Bearer ${key}` })
const compatible = ({ url, key }: Door) => createOpenAICompatible({ name: 'tollgate', baseURL: `${url}/v1`, apiKey: key, includeUsage: true, supportsStructuredOutputs: true })
const aiOllama = (door: Door) => createOllama({ baseURL: `${door.url}/api`, headers: headersOf(door) })

/** Every client that must work unmodified, by name. */
export const CLIENTS: Readonly<Record<string, RealClient>> = {
  openai: openai(),
  'openai, responses': openaiResponses(),
  '@anthropic-ai/sdk': anthropic(),
  ollama: ollama(),
  'ai, openai-compatible': aiSdk((door) => compatible(door)(door.model), (door) => compatible(door).textEmbeddingModel(door.model)),
  'ai, ollama': aiSdk((door) => aiOllama(door)(door.model), (door) => aiOllama(door).embedding(door.model)),
  '@langchain/openai': langChain(
    ({ url, key, model }) => new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0 }),
    ({ url, key, model }) => new OpenAIEmbeddings({ model, apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0 }),
    statusIn,
  ),
  '@langchain/ollama': langChain(
    (door) => new ChatOllama({ baseUrl: door.url, model: door.model, headers: new Headers(headersOf(door)), maxRetries: 0 }),
    (door) => new OllamaEmbeddings({ baseUrl: door.url, model: door.model, headers: new Headers(headersOf(door)), maxRetries: 0 }),
    (error) => (error as { status_code?: number }).status_code,
  ),
}
