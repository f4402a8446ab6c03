import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BehaviourWish } from './behaviour'
import { isObject, textOf } from './json'
import type { HostStats, LogEntry } from './journal'

/** What the control paths need of a host. */
export interface Controlled {
  set(wish: BehaviourWish): Promise<void>
  reset(): Promise<void>
  stats(): HostStats
  log(): LogEntry[]
}

const PREFIX = '/__sim/'

/** Says whether a URL is one of the control paths, which no behaviour touches and no log counts. */
export const isControl = (url: string | undefined): boolean => url !== undefined && url.startsWith(PREFIX)

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/** Reads `{behaviour, params?}`, `{name, params?}` or plain text `name;key=value`. */
function wishOf(text: string): BehaviourWish {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text.trim()
  }
  if (!isObject(value)) return String(value)
  const name = textOf(value.behaviour) ?? textOf(value.name) ?? 'ok'
  if (!isObject(value.params)) return name
  const params = Object.fromEntries(Object.entries(value.params).map(([key, entry]) => [key, String(entry)]))
  return { name, params }
}

async function bodyText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function act(request: IncomingMessage, response: ServerResponse, url: URL, host: Controlled): Promise<void> {
  switch (url.pathname.slice(PREFIX.length)) {
    case 'stats':
      return send(response, 200, host.stats())
    case 'log':
      return send(response, 200, host.log())
    case 'set':
      await host.set(wishOf(await bodyText(request)))
      return send(response, 200, { ok: true })
    case 'reset':
      await host.reset()
      return send(response, 200, { ok: true })
    default:
      return send(response, 404, { error: `no control path ${url.pathname}` })
  }
}

/** Serves `/__sim/stats|log|set|reset`; `?host=name` speaks to a sibling of the host that was asked. */
export function control(
  request: IncomingMessage,
  response: ServerResponse,
  find: (name: string | undefined) => Controlled | undefined,
): void {
  const url = new URL(request.url ?? '/', 'http://sandbox')
  const name = url.searchParams.get('host') ?? undefined
  const host = find(name)
  if (!host) return send(response, 404, { error: `no host named '${name ?? ''}'` })
  act(request, response, url, host).catch((error: unknown) => {
    if (!response.headersSent) send(response, 400, { error: error instanceof Error ? error.message : String(error) })
  })
}
