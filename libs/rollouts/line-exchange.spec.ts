import fc from 'fast-check'
import type { OutboundHandler, OutboundPools } from '@tollgate/platform/outbound'
import { runLines } from './line-exchange'

jest.setTimeout(120_000)

/** T17's figure. A failure prints seed and path: pass them to fc.assert. */
const CASES = 20_000
const LONG = 'x'.repeat(65 * 1024)

/** Cuts bytes at the given places, wherever these fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

/** All that a job is told of an answer that comes in these chunks: no socket, no wait. */
async function told(chunks: readonly Buffer[], { status = 200, isBroken = false, isSilent = false } = {}): Promise<unknown[]> {
  const heard: unknown[] = []
  let isStopped = false
  const play = (handler: OutboundHandler): void => {
    handler.onRequestStart({ abort: () => (isStopped = true), pause: () => {}, resume: () => {} }, false)
    handler.onResponseStart(status, { 'content-type': 'application/x-ndjson' })
    for (const chunk of chunks) if (!isStopped) handler.onResponseData(chunk)
    if (isStopped) return
    if (isBroken) handler.onResponseError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    else handler.onResponseEnd()
  }
  const pools = { acquire: () => ({ basePath: '', dispatch: (_request: unknown, handler: OutboundHandler) => play(handler) }) } as unknown as OutboundPools
  const call = { target: { hostId: 'h', baseUrl: 'http://replay' }, method: 'POST' as const, path: '/api/pull', body: '{}', secret: null, idleMs: 60_000, signal: new AbortController().signal, isSilent }
  heard.push(await runLines(pools, { now: () => 0, monotonicMs: () => 0 }, { ...call, onProgress: (progress) => heard.push(progress) }))
  return heard
}

describe('the lines of a job', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('\u2028', '你好 🙂', '\ud800', '"}\n{"status":"success"}', '\ufeff', '\r\n'))
  const line = fc.oneof(
    { weight: 8, arbitrary: fc.record({ status: text, total: fc.constantFrom<unknown>(undefined, 1_000, -1, 'x'), completed: fc.nat(1_000) }).map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.constantFrom('', ' ', '{}', '[]', 'null', '7') },
    { weight: 1, arbitrary: fc.constantFrom('{"status":"success"}', '{"error":"pull model manifest: file does not exist"}', '{bad') },
  )
  const ends = fc.record({ status: fc.constantFrom(200, 400, 404, 429, 500), isBroken: fc.boolean(), isSilent: fc.boolean() })

  it('tell the same however the bytes are cut: progress, success, refusals, garbage, broken off or not', async () => {
    const places = fc.array(fc.nat(2_000), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 10 }), fc.constantFrom('\n', '\r\n'), fc.boolean(), fc.option(fc.uint8Array({ maxLength: 6 })), ends, places, async (lines, end, isClosed, tail, how, at) => {
        const bytes = Buffer.concat([Buffer.from(lines.join(end) + (isClosed ? end : '')), Buffer.from(tail ?? [])])
        const whole = await told([bytes], how)
        expect(await told(cut(bytes, at), how)).toEqual(whole)
      }),
      { numRuns: CASES },
    )
  })

  it('that are longer than 64 kB end the job, in one piece or in many, and nothing behind them counts', async () => {
    const bytes = Buffer.from(`{"status":"pulling"}\n{"status":"${LONG}"}\n{"status":"success"}\n`)
    const places = Array.from({ length: 20 }, (_, index) => index * 4_096)
    for (const chunks of [[bytes], cut(bytes, places)]) {
      expect(await told(chunks)).toEqual([{ status: 'pulling', total: null, completed: null }, { kind: 'failed', error: expect.stringContaining('64 kB'), isFinal: true }])
    }
  })
})
