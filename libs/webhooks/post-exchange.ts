import { ADDRESS_REFUSED, type OutboundController, type OutboundHandler, type OutboundPools } from '@tollgate/platform/outbound'

/** One body to one URL. */
export interface Post {
  /** Names the connections; an endpoint's id. */
  readonly endpointId: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
}

/** What came of it: a status of any kind, or why none came. */
export interface PostAnswer {
  readonly status: number | null
  readonly error: string | null
}

/** More of a receiver's answer is not read: only its status counts. */
const MOST_ANSWER_BYTES = 64 * 1024

/** Posts a body as it is, within `timeoutMs`, connect included. Never rejects; redirects are not followed. */
export function post(pools: OutboundPools, { endpointId, url, headers, body, timeoutMs }: Post): Promise<PostAnswer> {
  return new Promise((resolve) => {
    const exchange = new PostExchange(timeoutMs, resolve)
    try {
      const { origin, pathname, search } = new URL(url)
      const host = pools.acquire({ hostId: endpointId, baseUrl: origin })
      host.dispatch({ method: 'POST', path: pathname + search, headers: { ...headers, 'content-type': 'application/json', 'accept-encoding': 'identity', 'user-agent': 'tollgate' }, body }, exchange)
    } catch (error) {
      exchange.onResponseError(error as Error)
    }
  })
}

class PostExchange implements OutboundHandler {
  private controller: OutboundController | null = null
  private status: number | null = null
  private bytes = 0
  private isSettled = false
  private readonly timer: NodeJS.Timeout

  constructor(
    timeoutMs: number,
    private readonly resolve: (answer: PostAnswer) => void,
  ) {
    // A status that came is the answer, even when the rest of it does not.
    this.timer = setTimeout(() => this.stop('timeout'), timeoutMs)
  }

  onRequestStart(controller: OutboundController): void {
    this.controller = controller
    if (this.isSettled) controller.abort(new Error('settled'))
  }

  onResponseStart(status: number): void {
    this.status = status
  }

  onResponseData(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.bytes > MOST_ANSWER_BYTES) this.stop('long answer')
  }

  onResponseEnd(): void {
    this.settle(null)
  }

  onResponseError(error: Error): void {
    this.settle(describe(error))
  }

  private stop(cause: string): void {
    this.settle(cause)
    this.controller?.abort(new Error(cause))
  }

  private settle(error: string | null): void {
    if (this.isSettled) return
    this.isSettled = true
    clearTimeout(this.timer)
    this.resolve(this.status === null ? { status: null, error } : { status: this.status, error: null })
  }
}

/** Its code or class. What an address was refused for tells of networks, and the endpoint's owner reads this. */
function describe(error: NodeJS.ErrnoException): string {
  return error.code === ADDRESS_REFUSED ? 'the address may not be called' : (error.code ?? error.name)
}
