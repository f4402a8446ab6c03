import { refuse, type Refusal } from '@tollgate/kernel'
import type { SecretBox } from '@tollgate/platform/secrets'
import type { KeyRecord } from './domain/key-record'
import type { KeyLife } from './key.store'
import type { KeyedRequest, KeysService } from './keys.service'

/** A reply as it is replayed: its status, and its body as JSON value; undefined = none. */
export interface KeptReply {
  readonly status: number
  readonly body?: unknown
}

/** A keyed change that may be made; the reply of the one that was made already; or why neither. */
export type BegunMutation = { readonly kind: 'run'; readonly life: KeyLife } | { readonly kind: 'replay'; readonly reply: KeptReply } | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Keys of changes on the control plane. Replies are kept sealed, bound to their holder and request: some hold a new secret. */
export class MutationKeysService {
  constructor(
    private readonly keys: KeysService,
    private readonly secrets: SecretBox,
  ) {}

  /** Takes the key, or says what to answer instead. Never throws for an infrastructure fault. */
  async begin(request: KeyedRequest): Promise<BegunMutation> {
    // Its process died in the middle, or it failed unexpectedly: it may have been made, so it is not made again.
    const claim = await this.keys.claim(request, async () => ({ kind: 'refused', refusal: refuse('outcome_unknown', {}, { shouldRetry: false }) }))
    return claim.kind === 'ended' ? { kind: 'replay', reply: this.open(request.place.holder, claim.record) } : claim
  }

  /** It was made: keeps the reply. */
  async complete({ place, ...life }: KeyLife, reply: KeptReply): Promise<void> {
    const sealed = this.secrets.seal(JSON.stringify(reply), contextOf(place.holder, life.rid))
    await this.keys.finish({ place, ...life }, sealed.toString('base64'))
  }

  /** It was refused: nothing was changed, and the key may be used again. */
  async free(life: KeyLife): Promise<void> {
    await this.keys.free(life)
  }

  /** It failed in a way nobody expected: whether it was made is not known. */
  async leave(life: KeyLife): Promise<void> {
    await this.keys.leave(life)
  }

  private open(holder: string, record: KeyRecord): KeptReply {
    return JSON.parse(this.secrets.open(Buffer.from(record.outcome!, 'base64'), contextOf(holder, record.rid))) as KeptReply
  }
}

function contextOf(holder: string, rid: string): string {
  return `idempotency ${holder} ${rid}`
}
