import { buildInvoice, type BilledEntry, type InvoiceDocument, type InvoicePrice, type InvoiceTerms } from './domain/invoice'

/** For specs: terms, entries and prices that look like real ones. */
export const TERMS: InvoiceTerms = {
  id: '019a0000-0000-7000-8000-00000000aaaa',
  number: 3,
  tenant: { id: '019a0000-0000-7000-8000-000000000001', slug: 'acme', name: 'Acme Ltd' },
  period: '2026-10',
  startsAt: '2026-09-30T22:00:00.000Z',
  endsAt: '2026-10-31T23:00:00.000Z',
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
  minorDigits: 2,
  issuedAt: '2026-11-02T06:00:00.000Z',
  coverage: { firstSeq: 101, afterSeq: 120, cutoffSeq: 4_711, head: 'ab'.repeat(32) },
  previous: { id: '019a0000-0000-7000-8000-00000000aaa9', sha256: 'cd'.repeat(32) },
  projects: [],
}

export const PRICE_IDS = ['019a0000-0000-7000-8000-0000000000p1', '019a0000-0000-7000-8000-0000000000p2', '019a0000-0000-7000-8000-0000000000p3'].map((id) => id.replace('p', 'a')) as [string, string, string]

export const PRICES: ReadonlyMap<string, InvoicePrice> = new Map(
  PRICE_IDS.map((id, i) => [
    id,
    {
      id, book: 'tariff', model: '*', provider: i === 1 ? 'openai' : null, region: null, tier: null, effectiveAt: '2026-01-01T00:00:00Z', source: 'list of January', inputPico: 150_000n, outputPico: 600_000n,
      cachedInputPico: i === 1 ? 75_000n : null, cacheWritePico: null, reasoningPico: null, perRequestPico: i === 2 ? 1_000_000n : 0n, gpuSecondPico: i === 2 ? 5_000_000_000n : null,
    },
  ]),
)

/** An entry of one billed request, changed as wanted. */
export function entry(over: Partial<BilledEntry> = {}): BilledEntry {
  return { kind: 'usage', projectId: null, model: 'llama3.2', priceId: PRICE_IDS[0], isBilled: true, requests: 1, amountPico: 1_234_567n, promptTokens: 10n, cachedTokens: 0n, cacheWriteTokens: 0n, completionTokens: 20n, reasoningTokens: 0n, ...over }
}

/** A document of three lines, one of them an adjustment below zero. */
export function sampleInvoice(over: Partial<InvoiceTerms> = {}): InvoiceDocument {
  const entries = [
    entry({ requests: 12_345, amountPico: 1_234_565_000_000_000n, promptTokens: 9_876_543n, completionTokens: 1_234_567n }),
    entry({ model: 'openai/gpt-4o-mini', priceId: PRICE_IDS[1], requests: 42, amountPico: 7_005_000_000_000n, promptTokens: 120_000n, cachedTokens: 100_000n, completionTokens: 60_000n, reasoningTokens: 20_000n }),
    entry({ model: 'llama3.1:70b', priceId: PRICE_IDS[2], kind: 'adjustment', requests: 2, amountPico: -15_000_000_000n, promptTokens: 0n, completionTokens: -41n }),
    entry({ isBilled: false, requests: 17, amountPico: 0n }),
  ]
  return buildInvoice({ ...TERMS, ...over }, entries, PRICES)
}
