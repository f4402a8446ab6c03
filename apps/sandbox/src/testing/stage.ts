import type { LogEntry, Sandbox } from '../index'
import { startSandbox } from '../index'
import { eventually, hear, type Heard } from './caller'

/** The chat path of Ollama's own API. */
const NATIVE = '/api/chat'

/** The chat path of OpenAI's API. */
export const COMPATIBLE = '/v1/chat/completions'

/** The chat path of Anthropic's API. */
export const ANTHROPIC = '/v1/messages'

/** What a play leaves to choose: the host (by dialect), the path, and members of the body. */
export interface Play {
  on?: string
  path?: string
  stream?: boolean
  more?: object
  until?: ((text: string) => boolean) | undefined
}

/** A sandbox with one host a dialect, named after it, without gaps. */
export function oneOfEach(): Promise<Sandbox> {
  const dialects = ['ollama', 'openai', 'openrouter', 'vllm', 'llamacpp', 'anthropic'] as const
  const hosts = dialects.map((dialect) => ({
    name: dialect,
    region: 'eu-west',
    dialect,
    models: ['tool'],
    defaults: { gap: 0 },
  }))
  return startSandbox({ hosts })
}

/** The chat path of a dialect. */
export const pathOf = (dialect: string): string =>
  dialect === 'ollama' ? NATIVE : dialect === 'anthropic' ? ANTHROPIC : COMPATIBLE

/** What Anthropic wants to be told with every request; others do not mind. */
export const VERSION = { 'anthropic-version': '2023-06-01' }

/** The body that asks for a behaviour by model name. */
export const bodyFor = (behaviour: string, play: Play): object => ({
  model: `sim-${behaviour}`,
  messages: [{ role: 'user', content: 'Hi' }],
  stream: play.stream ?? true,
  ...(play.path === ANTHROPIC ? { max_tokens: 100 } : {}),
  ...play.more,
})

/** Plays one behaviour on a host fresh from a reset; gives what was heard and what was logged. */
export async function play(
  sandbox: Sandbox,
  behaviour: string,
  options: Play = {},
): Promise<{ heard: Heard; entry: LogEntry }> {
  const host = sandbox.host(options.on ?? 'ollama')
  const path = options.path ?? pathOf(host.dialect)
  await host.reset()
  const url = `${host.baseUrl}${path}`
  const heard = await hear(url, bodyFor(behaviour, { ...options, path }), { headers: VERSION, ...(options.until ? { until: options.until } : {}) })
  await eventually(() => host.log().at(-1)?.end != null)
  return { heard, entry: host.log().at(-1) as LogEntry }
}

/** The lines of an NDJSON body. */
export const lines = (heard: Heard): string[] => heard.body.split('\n').filter((line) => line !== '')

/** The blocks of an SSE body. */
export const events = (heard: Heard): string[] => heard.body.split('\n\n').filter((block) => block !== '')
