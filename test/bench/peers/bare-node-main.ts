import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerParent } from '../children'
import { passThrough, upstreamPool } from './pass-through'

/** The least a proxy can be on Node: node:http in front of undici's `dispatch`. Argument: the upstream's address. */
const pool = upstreamPool(process.argv[2]!)
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => passThrough(pool, request.url!, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), response))
})
const listening = new Promise<number>((resolve) => server.listen(0, '127.0.0.1', 1024, () => resolve((server.address() as AddressInfo).port)))
answerParent(async () => ({ port: await listening }))
