import type { ServerResponse } from 'node:http'
import { Pool, type Dispatcher } from 'undici'

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** The upstream's connections, as both bare proxies use them. */
export function upstreamPool(upstreamUrl: string): Pool {
  return new Pool(new URL(upstreamUrl).origin, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
}

/** Sends a body upstream and copies head and bytes of the answer as they come: what a proxy costs that does nothing. */
export function passThrough(pool: Pool, path: string, body: Buffer, response: ServerResponse): void {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  pool.dispatch({ method: 'POST', path, headers, body }, new CopyHandler(response))
}

class CopyHandler implements Dispatcher.DispatchHandler {
  constructor(private readonly response: ServerResponse) {}

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    const kept: Record<string, string | string[]> = {}
    for (const name in headers) if (!HOP_BY_HOP.has(name)) kept[name] = headers[name]!
    this.response.writeHead(status, kept)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.response.write(chunk)) return
    controller.pause()
    this.response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.response.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.response.destroy(error)
  }
}
