import { decimalFromPico, perMillionFromPico, type Pico } from '@tollgate/kernel'
import type { Canonical } from './canonical-json'
import { minorText, picoOfMinor, roundHalfEven } from './rounding'

/** What an invoice is made of beside the ledger; stored with it, so that a replay reads the same. Instants are RFC 3339. */
export interface InvoiceTerms {
  readonly id: string
  /** 1, 2, 3 … of the tenant, without a gap. */
  readonly number: number
  readonly tenant: { readonly id: string; readonly slug: string; readonly name: string }
  /** Month in the tenant's zone, `2026-11`. */
  readonly period: string
  readonly startsAt: string
  readonly endsAt: string
  readonly timeZone: string
  readonly currency: string
  readonly minorDigits: number
  readonly issuedAt: string
  readonly coverage: LedgerCoverage
  /** The tenant's invoice before this one. */
  readonly previous: { readonly id: string; readonly sha256: string } | null
  /** Projects on its lines, as they were called then. Null = of the first form, whose lines are by model and price alone. */
  readonly projects: readonly InvoiceProject[] | null
}

/** A project as an invoice names it. */
export interface InvoiceProject {
  readonly id: string
  readonly slug: string
  readonly name: string
}

/**
 * Which links of the tenant's hash chain (libs/proof) an invoice looks at: from `firstSeq` to `cutoffSeq`, those whose
 * call began before its end, less what an earlier invoice has: number up to `afterSeq` and begun before its start.
 */
export interface LedgerCoverage {
  readonly firstSeq: number
  readonly afterSeq: number
  readonly cutoffSeq: number
  /** Hash of link `cutoffSeq`; null when the tenant has no link. */
  readonly head: string | null
}

/** `usage`: calls of the period. `adjustment`: what came late for calls of an earlier one. */
export type LineKind = 'usage' | 'adjustment'

/** Ledger rows of one call, or the sums of many that belong to one line. Amounts and counts may be below zero in adjustments. */
export interface BilledEntry {
  readonly kind: LineKind
  readonly projectId: string | null
  readonly model: string
  readonly priceId: string | null
  /** False for calls that cost nothing: they are counted, and stand on no line. */
  readonly isBilled: boolean
  readonly requests: number
  readonly amountPico: Pico
  readonly promptTokens: bigint
  readonly cachedTokens: bigint
  readonly cacheWriteTokens: bigint
  readonly completionTokens: bigint
  readonly reasoningTokens: bigint
}

/** A price row that lines name. Pico per token unless named otherwise; rows never change (migrations/0011_prices.sql). */
export interface InvoicePrice {
  readonly id: string
  readonly book: string
  readonly model: string
  readonly provider: string | null
  readonly region: string | null
  readonly tier: string | null
  readonly effectiveAt: string
  readonly source: string
  readonly inputPico: Pico
  readonly outputPico: Pico
  readonly cachedInputPico: Pico | null
  readonly cacheWritePico: Pico | null
  readonly reasoningPico: Pico | null
  readonly perRequestPico: Pico
  readonly gpuSecondPico: Pico | null
}

/** A price as a document shows it: decimal strings per million tokens; a null class is billed as its parent. */
export type PriceDocument = ReturnType<typeof priceDocument>
/** A line of a document. `exact` is the ledger's sum, `amount` what is asked for it, `residue` the difference. */
export type LineDocument = ReturnType<typeof lineDocument>
/** An invoice as it is hashed, stored and shown. */
export type InvoiceDocument = ReturnType<typeof buildInvoice>

/**
 * The invoice of a period: a pure function of terms, ledger and price rows. Entries may come in any order and folded in
 * any way. Each line is rounded once, half-even, to the minor unit; the total is the sum of the rounded lines.
 */
export function buildInvoice(terms: InvoiceTerms, entries: Iterable<BilledEntry>, prices: ReadonlyMap<string, InvoicePrice>) {
  const { startsAt, endsAt, timeZone, coverage, minorDigits, projects } = terms
  const names = projects && new Map(projects.map((project) => [project.id, project]))
  const { lines, unbilled } = foldEntries(entries, names)
  const documents = lines.map((line, i) => ({ ...lineDocument(line, i + 1, minorDigits, prices), ...(names && { project: projectDocument(line.projectId, names) }) }))
  return {
    format: names ? 'tollgate invoice 2' : 'tollgate invoice 1',
    id: terms.id,
    number: terms.number,
    tenant: { id: terms.tenant.id, slug: terms.tenant.slug, name: terms.tenant.name },
    period: { name: terms.period, starts_at: startsAt, ends_at: endsAt, time_zone: timeZone },
    currency: terms.currency,
    rounding: { rule: 'half-even, once per line', digits: terms.minorDigits },
    issued_at: terms.issuedAt,
    ledger: { first_seq: coverage.firstSeq, after_seq: coverage.afterSeq, cutoff_seq: coverage.cutoffSeq, head: coverage.head },
    previous: terms.previous && { id: terms.previous.id, sha256: terms.previous.sha256 },
    lines: documents,
    ...(names && { by_project: subtotals(lines, names, minorDigits) }),
    requests_without_charge: unbilled,
    ...sumOf(lines, minorDigits),
  } satisfies Canonical
}

/** What lines come to: the sum of their exact amounts, and of what each was rounded to. */
function sumOf(lines: readonly BilledEntry[], digits: number) {
  const exactPico = lines.reduce((sum, line) => sum + line.amountPico, 0n)
  const minor = lines.reduce((sum, line) => sum + roundHalfEven(line.amountPico, digits), 0n)
  return { requests: lines.reduce((sum, line) => sum + line.requests, 0), total: amounts(exactPico, minor, digits) }
}

/** The lines of each project added up, in the order of the lines. */
function subtotals(lines: readonly BilledEntry[], names: ProjectNames, digits: number) {
  const ids = new Set(lines.map(({ projectId }) => projectId))
  return [...ids].map((id) => ({ project: projectDocument(id, names), ...sumOf(lines.filter(({ projectId }) => projectId === id), digits) }))
}

type ProjectNames = ReadonlyMap<string, InvoiceProject>

/** Null = calls of no project. One that was removed before the invoice was issued has no name left. */
function projectDocument(id: string | null, names: ProjectNames) {
  return id === null ? null : { id, slug: names.get(id)?.slug ?? null, name: names.get(id)?.name ?? null }
}

/**
 * Sums by project, kind, model and price row, in the order of code units: calls of no project first, usage before
 * adjustments. Without names, projects are not told apart.
 */
function foldEntries(entries: Iterable<BilledEntry>, names: ProjectNames | null): { lines: BilledEntry[]; unbilled: number } {
  const lines = new Map<string, BilledEntry>()
  let unbilled = 0
  for (const entry of entries) {
    if (!entry.isBilled) {
      unbilled += entry.requests
      continue
    }
    const project = names && entry.projectId !== null ? [names.get(entry.projectId)?.slug ?? '', entry.projectId] : ['', '']
    const key = JSON.stringify([...project, entry.kind === 'usage' ? 0 : 1, entry.model, entry.priceId ?? ''])
    const before = lines.get(key)
    lines.set(key, before ? addEntries(before, entry) : entry)
  }
  const keys = [...lines.keys()].sort()
  return { lines: keys.map((key) => lines.get(key)!), unbilled }
}

function addEntries(a: BilledEntry, b: BilledEntry): BilledEntry {
  return {
    ...a,
    requests: a.requests + b.requests,
    amountPico: a.amountPico + b.amountPico,
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  }
}

function lineDocument(entry: BilledEntry, line: number, digits: number, prices: ReadonlyMap<string, InvoicePrice>) {
  const price = entry.priceId === null ? null : prices.get(entry.priceId)
  if (price === undefined) throw new Error(`price row ${entry.priceId} is not there`)
  return {
    line,
    kind: entry.kind,
    model: entry.model,
    price: price && priceDocument(price),
    requests: entry.requests,
    tokens: {
      prompt: String(entry.promptTokens),
      cached: String(entry.cachedTokens),
      cache_write: String(entry.cacheWriteTokens),
      completion: String(entry.completionTokens),
      reasoning: String(entry.reasoningTokens),
    },
    ...amounts(entry.amountPico, roundHalfEven(entry.amountPico, digits), digits),
  }
}

function amounts(exactPico: Pico, minor: bigint, digits: number) {
  return { exact: decimalFromPico(exactPico), amount: minorText(minor, digits), residue: decimalFromPico(exactPico - picoOfMinor(minor, digits)) }
}

function priceDocument(price: InvoicePrice) {
  const perMillion = (pico: Pico | null) => (pico === null ? null : perMillionFromPico(pico))
  return {
    id: price.id,
    book: price.book,
    model: price.model,
    provider: price.provider,
    region: price.region,
    tier: price.tier,
    effective_at: price.effectiveAt,
    source: price.source,
    input_per_million: perMillionFromPico(price.inputPico),
    output_per_million: perMillionFromPico(price.outputPico),
    cached_input_per_million: perMillion(price.cachedInputPico),
    cache_write_per_million: perMillion(price.cacheWritePico),
    reasoning_per_million: perMillion(price.reasoningPico),
    per_request: decimalFromPico(price.perRequestPico),
    gpu_second: price.gpuSecondPico === null ? null : decimalFromPico(price.gpuSecondPico),
  }
}
