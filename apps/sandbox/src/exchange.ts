import type { IncomingMessage, ServerResponse } from 'node:http'
import { selectBehaviour, WELL_BEHAVED, type Behaviour } from './behaviour'
import { SCOPES } from './catalogue/names'
import { paceOf } from './catalogue/pace'
import { direct, settled } from './direct'
import { keepOpen } from './idle'
import { isObject, textOf } from './json'
import type { Journal, LogEntry } from './journal'
import type { Scene, Stage } from './scene'
import { whole, type Script } from './script'
import { Playback } from './writer'

/** What serving a request needs of its host. */
export interface Backstage {
  readonly stage: Stage
  readonly journal: Journal
  readonly defaults: { delay?: number; gap?: number }
  /** What was set for the whole host. */
  behaviour(): Behaviour
}

const INFERENCE_PATHS =
  /^\/(api\/(chat|generate|embed|embeddings)|(api\/)?v1\/(chat\/completions|completions|embeddings|responses|messages))$/

/** Reads a whole body, then calls `then`; never when the caller leaves before its end. */
function readBody(request: IncomingMessage, then: (raw: Buffer) => void): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => then(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
}

function parse(raw: Buffer): { body: unknown; isBroken: boolean } {
  if (raw.length === 0) return { body: null, isBroken: false }
  try {
    return { body: JSON.parse(raw.toString('utf8')), isBroken: false }
  } catch {
    return { body: raw.length > 100_000 ? `${raw.length} bytes` : raw.toString('utf8'), isBroken: true }
  }
}

/** Keeps a host's setting off the paths it is not meant for: a probe still works while inference fails. */
function inScope(behaviour: Behaviour, path: string): Behaviour {
  if (behaviour.isExplicit || SCOPES.get(behaviour.name) === 'every-path' || INFERENCE_PATHS.test(path))
    return behaviour
  return WELL_BEHAVED
}

function fault(error: unknown): Script {
  const script = whole(500, 'application/json', JSON.stringify({ error: `sandbox fault: ${String(error)}` }))
  script.reason = 'failed'
  return script
}

function scriptFor(scene: Scene): Script {
  try {
    return direct(scene)
  } catch (error) {
    return fault(error)
  }
}

/** Serves one request from its first byte to its log entry. */
export function serve(backstage: Backstage, request: IncomingMessage, response: ServerResponse): void {
  const { stage, journal } = backstage
  const method = request.method ?? 'GET'
  const url = request.url ?? '/'
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  keepOpen(request.socket)
  const entry = journal.open(method, path, request.headers)
  if (entry.request_id !== null) response.setHeader('x-request-id', entry.request_id)
  const leftEarly = (): void => journal.close(entry, 'aborted')
  response.on('close', leftEarly)
  readBody(request, (raw) => {
    response.off('close', leftEarly)
    answer({ stage, method, path, query: query < 0 ? '' : url.slice(query + 1), headers: request.headers, raw }, backstage, entry, response)
  })
}

type Received = Pick<Scene, 'stage' | 'method' | 'path' | 'query' | 'headers' | 'raw'>

function answer(received: Received, backstage: Backstage, entry: LogEntry, response: ServerResponse): void {
  const { stage, journal } = backstage
  const { body, isBroken } = parse(received.raw)
  entry.body = body
  const json = isObject(body) ? body : {}
  const model = textOf(json.model) ?? textOf(json.name) ?? ''
  const wish = received.headers['x-sim']
  let behaviour: Behaviour
  try {
    behaviour = inScope(
      selectBehaviour(typeof wish === 'string' ? wish : undefined, model, backstage.behaviour()),
      received.path,
    )
  } catch (error) {
    journal.name(entry, model, 'unknown')
    const script = whole(
      400,
      'application/json',
      JSON.stringify({ error: String(error instanceof Error ? error.message : error) }),
    )
    new Playback(response, script, paceOf(WELL_BEHAVED, {}), entry, journal, stage.clock).start()
    return
  }
  journal.name(entry, model, behaviour.name)
  const scene = settled({ ...received, body: json, isBroken, behaviour })
  const script = scriptFor(scene)
  new Playback(response, script, paceOf(scene.behaviour, backstage.defaults), entry, journal, stage.clock).start()
}
