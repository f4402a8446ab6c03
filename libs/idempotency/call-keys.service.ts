import type { Refusal } from '@tollgate/kernel'
import type { SecretBox } from '@tollgate/platform/secrets'
import { alreadyCompleted, isUnbilled, type BookedCall, type CallOutcome, type KeptAnswer, type KeptOutcome } from './domain/call-outcome'
import type { KeyRecord } from './domain/key-record'
import type { KeyLife } from './key.store'
import type { Abandoned, KeyedRequest, KeysService } from './keys.service'

/** An answer may be kept up to this size, in characters of its JSON (metering.md). */
const MOST_KEPT = 256 * 1024

/** A keyed call that may go, under the request id of its life; or what to say instead, with the answer there was if that was kept. */
export type BegunCall = { readonly kind: 'run'; readonly life: KeyLife } | { readonly kind: 'refused'; readonly refusal: Refusal; readonly answer?: KeptAnswer }

/** What the books say of a request id; null = nothing yet. */
export type ReadBooks = (rid: string) => Promise<BookedCall | null>

/**
 * Keys of inference calls: one key is never billed twice. See README.md of this room for what happens to a call whose
 * gateway died.
 */
export class CallKeysService {
  constructor(
    private readonly keys: KeysService,
    private readonly secrets: SecretBox,
  ) {}

  /** Takes the key, or says why its call does not run. Never throws. */
  async begin(request: KeyedRequest, books: ReadBooks): Promise<BegunCall> {
    const claim = await this.keys.claim(request, (record) => judge(record, request.requestId, books))
    if (claim.kind !== 'ended') return claim
    const { rid, outcome } = claim.record
    const kept = JSON.parse(outcome!) as KeptOutcome
    const refusal = alreadyCompleted(rid, kept)
    return kept.answer === undefined ? { kind: 'refused', refusal } : { kind: 'refused', refusal, ...this.open(request.place.holder, rid, kept.answer) }
  }

  /** Its answer is whole and billed: whoever repeats it is told so. */
  async complete(life: KeyLife, outcome: CallOutcome): Promise<void> {
    await this.keys.finish(life, JSON.stringify(outcome))
  }

  /** Keeps the answer too, sealed and bound to tenant and request, when it is not too long. */
  async keep(life: KeyLife, outcome: CallOutcome, answer: KeptAnswer): Promise<void> {
    if (answer.text.length > MOST_KEPT) return
    const sealed = this.secrets.seal(JSON.stringify(answer), contextOf(life.place.holder, life.rid)).toString('base64')
    const kept: KeptOutcome = { ...outcome, answer: sealed }
    await this.keys.finish(life, JSON.stringify(kept))
  }

  /** It was refused and nothing was billed: the key may be used again. */
  async free(life: KeyLife): Promise<void> {
    await this.keys.free(life)
  }

  /** It broke off: the books will tell what was billed. */
  async leave(life: KeyLife): Promise<void> {
    await this.keys.leave(life)
  }

  /** One that does not open any more (its key is gone, or the row was altered) is as good as not kept. */
  private open(tenantId: string, rid: string, sealed: string): { answer?: KeptAnswer } {
    try {
      return { answer: JSON.parse(this.secrets.open(Buffer.from(sealed, 'base64'), contextOf(tenantId, rid))) as KeptAnswer }
    } catch {
      return {}
    }
  }
}

function contextOf(tenantId: string, rid: string): string {
  return `idempotent answer ${tenantId} ${rid}`
}

/**
 * The books decide. Nothing there: it goes on under the same request id, so that a gateway which only stalled, or a
 * reservation it left, is met at admission (DUP) and a request id is billed once in any case. Final and unbilled: a new
 * id. Billed, or not final yet: it is over.
 */
async function judge(record: KeyRecord, requestId: string, books: ReadBooks): Promise<Abandoned> {
  const booked = await books(record.rid)
  if (!booked) return { kind: 'runAs', rid: record.rid }
  return isUnbilled(booked) ? { kind: 'runAs', rid: requestId } : { kind: 'refused', refusal: alreadyCompleted(record.rid, booked) }
}
