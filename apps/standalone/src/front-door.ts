import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StartError } from '@tollgate/platform/process'

const DEFAULT_PORT = 8080
const PORTS_TO_TRY = 50
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const MAX_HEADER_BYTES = 16 * 1024

/** Paths of the control plane; everything else belongs to the data plane. */
const ADMIN_PATH = /^\/(admin|auth)(\/|$|\?)|^\/openapi\.json(\?|$)/

/** One listener for two apps: control plane by path, data plane for the rest. */
export class FrontDoor {
  private readonly server: Server
  private gateway: RequestListener | undefined
  private admin: RequestListener | undefined

  constructor() {
    this.server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS }, (request, response) => {
      const handler = ADMIN_PATH.test(request.url ?? '/') ? this.admin : this.gateway
      if (handler) return handler(request, response)
      response.writeHead(503, { 'retry-after': '1', 'content-type': 'application/json' }).end('{"error":"Tollgate is starting. Try again shortly."}')
    })
  }

  /**
   * Takes the port before anything is started, so that a taken one is told at once. The default port gives way to the
   * next free one; a port that was asked for does not. @throws StartError
   */
  async listen(host: string, wanted: number | undefined): Promise<number> {
    const first = wanted ?? DEFAULT_PORT
    const last = wanted === undefined ? first + PORTS_TO_TRY : first
    for (let port = first; port <= last; port++) {
      if (await this.tryListen(host, port)) return (this.server.address() as AddressInfo).port
    }
    throw new StartError(wanted === undefined ? `Ports ${first} to ${last} are all taken. Set PORT to a free one.` : `Port ${wanted} is taken. Set PORT to a free one, or stop what listens there.`)
  }

  open(handlers: { gateway: RequestListener; admin: RequestListener }): void {
    this.gateway = handlers.gateway
    this.admin = handlers.admin
  }

  /** Stops accepting and resolves when the calls in flight are done, or cuts them at the deadline. */
  close(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const deadline = setTimeout(() => this.server.closeAllConnections(), drainMs)
      this.server.close(() => {
        clearTimeout(deadline)
        resolve()
      })
      this.server.closeIdleConnections()
    })
  }

  private tryListen(host: string, port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE') resolve(false)
        else reject(new StartError(error.code === 'EACCES' ? `Port ${port} needs privileges. Set PORT to one above 1023.` : `Cannot listen on ${host}:${port}: ${error.message}`))
      }
      this.server.once('error', onError)
      this.server.listen(port, host, () => {
        this.server.off('error', onError)
        resolve(true)
      })
    })
  }
}
