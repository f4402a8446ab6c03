import fc from 'fast-check'
import type { ExportRow } from './provider-export'
import { reconcileCall, type OurAttempt, type OurCall } from './reconciliation'

const attemptOf = (over: Partial<OurAttempt> = {}): OurAttempt => ({ attempt: 1, host: 'h', model: 'm', promptTokens: 10, completionTokens: 20, source: 'provider', outcome: 'completed', costPico: 5n, isExpected: true, ...over })
const failed = (attempt: number): OurAttempt => attemptOf({ attempt, promptTokens: 0, completionTokens: 0, costPico: 0n, outcome: 'refused: http 503', isExpected: false })
const callOf = (...attempts: OurAttempt[]): OurCall => ({ rid: 'r', startedAtMs: 7, status: 'completed', attempts })
const rowOf = (over: Partial<ExportRow> = {}): ExportRow => ({ line: 1, requestId: 'r', model: 'm', promptTokens: 10, completionTokens: 20, costPico: 5n, atMs: 7, ...over })
const found = (call: OurCall, rows: ExportRow[]) => reconcileCall(call, rows).differences.map(({ kind, fields, there }) => [kind, fields.join(' '), there?.line ?? null])

describe('one request held against an export', () => {
  it('is equal when every figure is, the model up to its dated snapshot', () => {
    for (const model of ['m', 'M', 'm:latest', 'm-2026-01-01', null]) expect(reconcileCall(callOf(attemptOf()), [rowOf({ model })])).toEqual({ differences: [], equal: 1, withoutCost: 0 })
  })

  it.each<[Partial<ExportRow>, string]>([
    [{ promptTokens: 11 }, 'prompt_tokens'],
    [{ completionTokens: 0 }, 'completion_tokens'],
    [{ costPico: 6n }, 'cost'],
    [{ model: 'mm' }, 'model'],
    [{ promptTokens: 1, completionTokens: 2, costPico: 3n, model: 'x' }, 'model prompt_tokens completion_tokens cost'],
  ])('with %o differs in %s', (over, fields) => expect(found(callOf(attemptOf()), [rowOf(over)])).toEqual([['different', fields, 1]]))

  it('is missing there without a row, missing here without an attempt', () => {
    expect(found(callOf(attemptOf()), [])).toEqual([['missing_there', '', null]])
    expect(found(callOf(), [rowOf()])).toEqual([['missing_here', '', 1]])
  })

  it('a second row for one attempt is missing here, whatever it says', () => {
    expect(found(callOf(attemptOf()), [rowOf(), rowOf({ line: 2 })])).toEqual([['missing_here', '', 2]])
    expect(found(callOf(attemptOf()), [rowOf({ promptTokens: 99 }), rowOf({ line: 2 })])).toEqual([['missing_here', '', 1]])
  })

  it('a failed attempt may be absent or without tokens; one that the provider counted is named', () => {
    const call = callOf(failed(1), attemptOf({ attempt: 2 }))
    expect(found(call, [rowOf()])).toEqual([])
    expect(found(call, [rowOf({ line: 1, promptTokens: 0, completionTokens: 0, costPico: 0n }), rowOf({ line: 2 })])).toEqual([])
    expect(reconcileCall(call, [rowOf({ line: 1, completionTokens: 3 }), rowOf({ line: 2 })]).differences).toMatchObject([{ kind: 'different', here: { attempt: 1 }, there: { line: 1 } }])
    expect(found(callOf(failed(1)), [])).toEqual([])
  })

  it('a cost that only one side knows is no difference, and is counted', () => {
    expect(reconcileCall(callOf(attemptOf({ costPico: null })), [rowOf()])).toEqual({ differences: [], equal: 1, withoutCost: 1 })
    expect(reconcileCall(callOf(attemptOf()), [rowOf({ costPico: null })])).toEqual({ differences: [], equal: 1, withoutCost: 0 })
    expect(reconcileCall(callOf(attemptOf({ costPico: null })), [rowOf({ promptTokens: 1 })])).toMatchObject({ differences: [{ fields: ['prompt_tokens'] }], withoutCost: 1 })
  })

  it('finds the same in any order of rows, and every row and every served attempt exactly once', () => {
    const small = fc.constantFrom(0, 10, 20)
    const row = fc.record({ promptTokens: small, completionTokens: small, costPico: fc.constantFrom(null, 5n, 6n) })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 4 }), fc.integer({ min: 0, max: 2 }), fc.integer(), (rows, failures, seed) => {
        const call = callOf(...Array.from({ length: failures }, (_, i) => failed(i + 1)), attemptOf({ attempt: failures + 1 }))
        const numbered = rows.map((over, i) => rowOf({ ...over, line: i + 1 }))
        const other = numbered.toSorted((a, b) => ((a.line * 7919 + seed) % 13) - ((b.line * 7919 + seed) % 13)).map((one, i) => ({ ...one, line: i + 1 }))
        const content = (all: ExportRow[]) => reconcileCall(call, all).differences.map(({ kind, fields, here, there }) => JSON.stringify([kind, fields, here?.attempt, there?.promptTokens, there?.completionTokens, String(there?.costPico)])).sort()
        expect(content(other)).toEqual(content(numbered))
        const { differences, equal } = reconcileCall(call, numbered)
        expect(equal + differences.filter(({ there }) => there !== null).length).toBe(rows.length)
        expect(new Set(differences.flatMap(({ there }) => (there ? [there.line] : []))).size).toBe(differences.filter(({ there }) => there !== null).length)
        const used = differences.flatMap(({ here }) => (here ? [here.attempt] : []))
        expect(new Set(used).size).toBe(used.length)
      }),
      { numRuns: 2_000 },
    )
  })
})
