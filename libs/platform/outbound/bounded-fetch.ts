import { Agent, fetch as requestOf } from 'undici'
import type { AddressPolicy } from './address-policy'
import { guardedConnector } from './guarded-connector'

/** A web-standard fetch for libraries that want one: no redirects, no address that the policy refuses, no answer without end. */
export interface BoundedFetch {
  ask(url: string | URL, init?: RequestInit): Promise<Response>
  /** Closes its connections at once. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16 * 1024

/** @param mostBytes of one answer's body; what is longer fails while it is read */
export function boundedFetch(policy: AddressPolicy, mostBytes: number): BoundedFetch {
  const agent = new Agent({ connect: guardedConnector(policy, CONNECT_TIMEOUT_MS), maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: 0, bodyTimeout: 0 })
  return {
    async ask(url, init) {
      const answer = (await requestOf(url, { ...(init as object), redirect: 'manual', dispatcher: agent })) as unknown as Response
      const { body, status, statusText, headers } = answer
      if (!body) return answer
      let bytes = 0
      const counter = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength
          if (bytes > mostBytes) controller.error(new Error(`the answer is longer than ${mostBytes} bytes`))
          else controller.enqueue(chunk)
        },
      })
      return new Response(body.pipeThrough(counter), { status, statusText, headers })
    },
    close: () => agent.destroy(),
  }
}
