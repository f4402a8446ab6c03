import fc from 'fast-check'
import { ChainWalk, OrderSearch, type ChainLink, type ChainProblem } from './chain'
import { GENESIS, sealHash, usageHash, type LedgerFact } from './seal'

const TENANT = '019a0000-0000-7000-8000-0000000000aa'

function chainOf(length: number): ChainLink[] {
  const links: ChainLink[] = []
  for (let seq = 1; seq <= length; seq++) {
    const ledger: LedgerFact = { tenantId: TENANT, day: '2026-11-21', rid: `rid-${seq}`, rank: 1, deltaPico: String(seq * 10), recordedAtUs: String(1_790_000_000_000_000 + seq) }
    const hashOfUsage = usageHash(`["1","${seq * 10}"]`)
    links.push({ seq, day: ledger.day, rid: ledger.rid, rank: 1, usageHash: hashOfUsage, hash: sealHash(links.at(-1)?.hash ?? GENESIS, seq, ledger, hashOfUsage), ledger, usage: { rank: 1, hash: hashOfUsage } })
  }
  return links
}

/** The first problem of a chain, as the verifier names it. */
function judge(links: readonly ChainLink[]): ChainProblem | null {
  const walk = new ChainWalk()
  for (const link of links) {
    const found = walk.next(link)
    if (found?.kind !== 'altered' || found.what !== 'ledger' || !link.ledger) {
      if (found) return found
      continue
    }
    const search = new OrderSearch({ ...link, ledger: link.ledger }, walk.head)
    for (const other of links) if (other.seq !== link.seq) search.see(other)
    return search.problem
  }
  return null
}

const at = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }))
const change = (links: ChainLink[], seq: number, over: Partial<ChainLink>) => links.map((link) => (link.seq === seq ? { ...link, ...over } : link))

describe('the hash chain', () => {
  it('holds as it was sealed, and its head is the last link', () => {
    const links = chainOf(30)
    expect(judge(links)).toBeNull()
    const walk = new ChainWalk()
    for (const link of links) walk.next(link)
    expect(walk.head).toEqual({ seq: 30, hash: links[29]!.hash })
  })

  it('has a known text, so that anybody can compute it again', () => {
    const fact: LedgerFact = { tenantId: TENANT, day: '2026-11-21', rid: 'r', rank: 1, deltaPico: '-5', recordedAtUs: '7' }
    // printf '%064d["tollgate ledger 1","019a0000-0000-7000-8000-0000000000aa",1,"2026-11-21","r",1,"-5","7",null]' 0 | sha256sum
    expect(sealHash(GENESIS, 1, fact, null)).toBe('6862a96b4ece329ce72d624ce1d7ff7ae2c11aa1eecff7be8e31b97e8acd5302')
    // printf '["tollgate usage 1","1",null]' | sha256sum
    expect(usageHash('["tollgate usage 1","1",null]')).toBe('e49ae3d584afb9701c162265747e9bb21ac7bbab68bd0910966840a8ee28479a')
  })

  it.each<[string, Partial<LedgerFact>]>([
    ['amount', { deltaPico: '11' }],
    ['time', { recordedAtUs: '1' }],
    ['tenant', { tenantId: 'another' }],
    ['day', { day: '2026-11-20' }],
    ['rank', { rank: 0 }],
    ['request id', { rid: 'another' }],
  ])('names the row whose %s was altered', (_what, over) => {
    fc.assert(fc.property(at, ([seq]) => {
      const links = chainOf(30)
      expect(judge(change(links, seq, { ledger: { ...links[seq - 1]!.ledger!, ...over } }))).toMatchObject({ kind: 'altered', what: 'ledger', seq, rid: `rid-${seq}` })
    }))
  })

  it('names an altered link, and never a later one, though every later hash builds on it', () => {
    const links = chainOf(30)
    expect(judge(change(links, 7, { hash: 'f'.repeat(64) }))).toMatchObject({ kind: 'altered', seq: 7 })
    expect(judge(change(links, 7, { usageHash: usageHash('x') }))).toMatchObject({ kind: 'altered', seq: 7 })
    expect(judge(change(links, 7, { usageHash: null }))).toMatchObject({ kind: 'altered', seq: 7 })
  })

  it('names the first of several', () => {
    fc.assert(fc.property(at, ([a, b]) => {
      let links = chainOf(30)
      for (const seq of [a, b]) links = change(links, seq, { ledger: { ...links[seq - 1]!.ledger!, deltaPico: '0' } })
      expect(judge(links)).toMatchObject({ kind: 'altered', seq: Math.min(a, b) })
    }))
  })

  it('names a usage row that was altered, lowered in rank or removed; one of a higher rank has its own link', () => {
    const links = chainOf(30)
    expect(judge(change(links, 9, { usage: { rank: 1, hash: usageHash('y') } }))).toMatchObject({ kind: 'altered', what: 'usage', seq: 9 })
    expect(judge(change(links, 9, { usage: { rank: 0, hash: links[8]!.usageHash! } }))).toMatchObject({ kind: 'altered', what: 'usage', seq: 9 })
    expect(judge(change(links, 9, { usage: null }))).toMatchObject({ kind: 'removed', what: 'usage', seq: 9 })
    expect(judge(change(links, 9, { usage: { rank: 2, hash: 'whatever' } }))).toBeNull()
  })

  it('names a removed ledger row, and a removed link by its number', () => {
    fc.assert(fc.property(at, ([seq]) => {
      const links = chainOf(31)
      expect(judge(change(links, seq, { ledger: null }))).toMatchObject({ kind: 'removed', what: 'ledger', seq, rid: `rid-${seq}` })
      expect(judge(links.filter((link) => link.seq !== seq))).toMatchObject({ kind: 'removed', what: 'chain', seq, rid: null })
    }))
  })

  it('names two links that changed places, by number or by what they seal', () => {
    fc.assert(fc.property(at, ([a, b]) => {
      fc.pre(a !== b)
      const [links, low, high] = [chainOf(30), Math.min(a, b), Math.max(a, b)]
      const byNumber = links.map((link) => (link.seq === a ? { ...link, seq: b } : link.seq === b ? { ...link, seq: a } : link)).toSorted((x, y) => x.seq - y.seq)
      expect(judge(byNumber)).toMatchObject({ kind: 'reordered', seq: low, rid: `rid-${high}` })
      const byContent = links.map((link) => (link.seq === a ? { ...links[b - 1]!, seq: a, hash: link.hash } : link.seq === b ? { ...links[a - 1]!, seq: b, hash: link.hash } : link))
      expect(judge(byContent)).toMatchObject({ kind: 'reordered', seq: low })
    }))
  })

  it('names a link that was moved to another place', () => {
    const links = chainOf(30)
    const back = [...links.slice(0, 4), links[19]!, ...links.slice(4, 19), ...links.slice(20)]
    const forth = [...links.slice(0, 4), ...links.slice(5, 20), links[4]!, ...links.slice(20)]
    const judged = [back, forth].map((order) => judge(order.map((link, i) => ({ ...link, seq: i + 1 }))))
    expect(judged).toEqual([expect.objectContaining({ kind: 'reordered', seq: 5, rid: 'rid-20' }), expect.objectContaining({ kind: 'reordered', seq: 5, rid: 'rid-6' })])
  })

  it('names a link that was put in between, the others moved on by one', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), fc.boolean(), (seq, isHashRight) => {
      const links = chainOf(30)
      const ledger = { ...links[0]!.ledger!, rid: 'forged' }
      const hash = isHashRight ? sealHash(links[seq - 2]?.hash ?? GENESIS, seq, ledger, null) : 'a'.repeat(64)
      const forged: ChainLink = { ...links[0]!, seq, rid: 'forged', ledger, usageHash: null, usage: { rank: 2, hash: '' }, hash }
      const found = judge([...links.slice(0, seq - 1), forged, ...links.slice(seq - 1).map((link) => ({ ...link, seq: link.seq + 1 }))])
      // One with a right hash holds by itself, and is told by the next, which belongs in its place.
      expect(found).toEqual(expect.objectContaining({ kind: 'inserted', seq, rid: 'forged' }))
    }))
  })
})
