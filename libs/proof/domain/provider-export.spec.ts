import { readExport } from './provider-export'

const ID = '0199c82c-c24e-7e4e-8e4e-4e4e4e4e4e4e'
const row = { line: 2, requestId: ID, model: 'gpt-4o', promptTokens: 10, completionTokens: 20, costPico: 125_000_000_000n, atMs: Date.UTC(2026, 10, 1, 10) }

describe('an export', () => {
  it('as CSV has its columns in any order, quotes, any line end, a byte-order mark and columns of no interest', () => {
    const lines = ['at,"prompt_tokens",Cost, completion_tokens ,model,note,request_id', `2026-11-01T10:00:00Z,10,0.125,20,"gpt-4o","a ""note"", with\nmore lines",${ID}`, `,10,,20,,,${ID.toUpperCase()}`, '']
    for (const end of ['\n', '\r\n']) {
      expect(readExport(`\ufeff${lines.join(end)}`)).toEqual({ problems: [], rows: [row, { ...row, line: 4, model: null, costPico: null, atMs: null }] })
    }
  })

  it('as JSON is an array, lines, or rows already read', () => {
    const one = { request_id: ID, model: 'gpt-4o', prompt_tokens: 10, completion_tokens: 20, cost: 0.125, at: '2026-11-01T11:00:00+01:00' }
    expect(readExport([one]).rows).toEqual([{ ...row, line: 1 }])
    expect(readExport(JSON.stringify([one])).rows).toEqual([{ ...row, line: 1 }])
    expect(readExport(`\n${JSON.stringify(one)}\n${JSON.stringify({ ...one, cost: '0.125', at: row.atMs })}\n`).rows).toEqual([row, { ...row, line: 3 }])
  })

  it('of a sandbox host needs no conversion: finished calls of models, as they were counted', () => {
    const entry = { seq: 1, host: 'h', method: 'POST', path: '/api/chat', headers: {}, body: {}, model: 'phi3', behaviour: 'ok', request_id: ID, arrived_at: 5, ended_at: 9, end: 'completed', status: 200, prompt_tokens: 3, completion_tokens: 4, generated_tokens: 4, bytes: 9 }
    const entries = [
      entry,
      { ...entry, end: 'aborted', generated_tokens: 7 },
      { ...entry, end: 'refused', status: 503 },
      { ...entry, end: null },
      { ...entry, method: 'GET', path: '/api/tags' },
      { ...entry, path: '/api/show', request_id: null, prompt_tokens: 0, completion_tokens: 0, generated_tokens: 0 },
      { ...entry, request_id: null },
    ]
    const counted = (source: string) => readExport(source).rows.map(({ line, requestId, promptTokens, completionTokens, atMs }) => [line, requestId, promptTokens, completionTokens, atMs])
    const expected = [[1, ID, 3, 4, 5], [2, ID, 3, 7, 5], [3, ID, 0, 0, 5], [7, null, 3, 4, 5]]
    expect(counted(JSON.stringify(entries))).toEqual(expected)
    expect(counted(entries.map((one) => JSON.stringify(one)).join('\n'))).toEqual(expected)
  })

  it('a row without a request id was not our call', () => expect(readExport('request_id,prompt_tokens,completion_tokens\n ,1,2').rows).toMatchObject([{ requestId: null }]))

  const HEADER = 'request_id,prompt_tokens,completion_tokens,cost,at,model'
  it.each<[string, number, RegExp]>([
    ['', 1, /empty/],
    [' \n', 1, /empty/],
    ['[1, 2', 1, /JSON array/],
    ['[1]', 1, /object/],
    ['{"request_id":"x","prompt_tokens":1,"completion_tokens":1}\nnope', 2, /is not JSON/],
    ['{"request_id":"x","prompt_tokens":-1,"completion_tokens":1}', 1, /^prompt_tokens must be a whole number/],
    ['{"request_id":"x","prompt_tokens":1.5,"completion_tokens":1}', 1, /^prompt_tokens/],
    ['{"request_id":"x","prompt_tokens":1,"completion_tokens":1e400}', 1, /^completion_tokens/],
    ['{"request_id":"x","prompt_tokens":18446744073709551615,"completion_tokens":1}', 1, /^prompt_tokens/],
    ['{"request_id":"x","completion_tokens":1}', 1, /^prompt_tokens is missing/],
    ['{"request_id":7,"prompt_tokens":1,"completion_tokens":1}', 1, /^request_id/],
    ['a,b\n1,2', 1, /header lacks request_id, prompt_tokens, completion_tokens/],
    [`${HEADER}\nx,1,2,0.1,,m\nx,1,NaN,0.1,,m`, 3, /^completion_tokens/],
    [`${HEADER}\nx,1,2,-0.1,,m`, 2, /^cost/],
    [`${HEADER}\nx,1,2,1e9,,m`, 2, /^cost/],
    [`${HEADER}\nx,1,2,0.0000000000001,,m`, 2, /^cost/],
    [`${HEADER}\nx,1,2,0.1,01/02/2026,m`, 2, /^at/],
    [`${HEADER}\nx,1,2,0.1,2026-13-01T00:00:00Z,m`, 2, /^at/],
    [`${HEADER}\nx,1,2`, 2, /has 3 cells where the header has 6/],
    [`${HEADER}\n"x,1,2,0.1,,m`, 2, /never closed/],
    [`${HEADER}\nx,1,2,0.1,,${'m'.repeat(201)}`, 2, /^model must be a text of at most 200/],
  ])('%j is refused with its line', (text, line, message) => {
    const { problems } = readExport(text)
    expect(problems).toEqual([{ line, message: expect.stringMatching(message) }])
  })

  it('names the first twenty bad rows, not a million', () => {
    expect(readExport(`${HEADER}\n${'x,y,2,0.1,,m\n'.repeat(1_000)}`).problems.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2))
  })
})
