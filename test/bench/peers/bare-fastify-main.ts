import fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { answerParent } from '../children'
import { passThrough, upstreamPool } from './pass-through'

/** A bare Fastify proxy: its router and body parser, the reply hijacked, bytes through. Argument: the upstream's address. */
const pool = upstreamPool(process.argv[2]!)
const app = fastify({ logger: false })
app.removeAllContentTypeParsers()
app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/v1/chat/completions', (request, reply) => {
  reply.hijack()
  passThrough(pool, request.url, request.body as Buffer, reply.raw)
})
const listening = app.listen({ port: 0, host: '127.0.0.1' }).then(() => (app.server.address() as AddressInfo).port)
answerParent(async () => ({ port: await listening }))
