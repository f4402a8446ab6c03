import { Inject, Injectable } from '@nestjs/common'
import { refuse, type ChatMessage, type Clock, type Refusal } from '@tollgate/kernel'
import { CLOCK, within } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { SecretBox } from '@tollgate/platform/secrets'
import { abilitiesUsed, MOST_BYTES, MOST_TURNS, type Conversation, type Owner, type Turn } from './domain/conversation'
import { TenantCipher } from './tenant-cipher'
import { TurnStore, type TakenConversation } from './turn.store'

/** No model reads more of a history than this, in sealed bytes; older turns stay stored and are counted as left out. */
const MOST_READ_BYTES = 4 * 1024 * 1024
const RETRY_AFTER_SECONDS = 1
/** A conversation must not make a caller wait for a Postgres that swallows packets. */
const BEGIN_MOST_MS = 3_000
/** An answer that is ready waits at most this for its turn to be written. */
const END_MOST_MS = 2_000
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A conversation that a request has for its turn: nobody else may add one until it is kept or let go. */
export interface OpenTurn {
  readonly kind: 'open'
  readonly owner: Owner
  readonly rid: string
  readonly conversation: Conversation
  /** Oldest first; fewer than `conversation.turns` when the history is very long. */
  readonly history: readonly Turn[]
  /** The data key that seals what is kept, itself sealed. */
  readonly wrapped: Buffer
}

/** Turns of conversations, from taking one to keeping it. */
@Injectable()
export class TurnsService {
  private readonly running = new Map<string, OpenTurn>()

  constructor(
    private readonly store: TurnStore,
    private readonly box: SecretBox,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Takes the conversation for a turn and reads it. Never rejects: without its store nothing is run (503). */
  async begin(owner: Owner, id: string, rid: string): Promise<OpenTurn | { kind: 'refused'; refusal: Refusal }> {
    if (!ID.test(id)) return missing(id)
    try {
      const taken = await this.take(owner, id, rid)
      if (taken === null) return missing(id)
      if (taken === 'busy') return { kind: 'refused', refusal: refuse('conversation_busy', {}, { retryAfterSeconds: RETRY_AFTER_SECONDS }) }
      const cipher = new TenantCipher(this.box, owner.tenantId, taken.wrapped)
      const conversation = cipher.open(taken.conversation)
      const open: OpenTurn = { kind: 'open', owner, rid, conversation, history: taken.turns.map((turn) => cipher.openTurn(conversation.id, turn)), wrapped: taken.wrapped }
      this.running.set(rid, open)
      if (conversation.turns < MOST_TURNS && conversation.bytes < MOST_BYTES) return open
      await this.release(open)
      return { kind: 'refused', refusal: refuse('conversation_full', { limit: conversation.turns < MOST_TURNS ? `${MOST_BYTES} bytes` : `${MOST_TURNS} turns` }) }
    } catch (error) {
      this.logger.warn({ request_id: rid, reason: (error as Error).message }, 'conversation not read')
      return { kind: 'refused', refusal: refuse('conversations_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
  }

  /**
   * Stores question and answer, and lets go. False when somebody else had it by then or it went; `unknown` when the store
   * did not say. Never rejects, since the answer was given and billed.
   */
  async keep(open: OpenTurn, texts: { messages: readonly ChatMessage[]; answer: string }, model: string): Promise<boolean | 'unknown'> {
    const { conversation, owner, rid, wrapped } = open
    this.running.delete(rid)
    try {
      const seq = conversation.turns + 1
      const sealed = new TenantCipher(this.box, owner.tenantId, wrapped).sealTurn(conversation.id, seq, texts)
      return await within(END_MOST_MS, this.store.append(owner.tenantId, conversation, { seq, rid, model, sealed, createdAt: new Date(this.clock.now()) }, abilitiesUsed(texts.messages)))
    } catch (error) {
      this.logger.warn({ request_id: rid, reason: (error as Error).message }, 'turn perhaps not kept')
      return 'unknown'
    }
  }

  /** Lets go without a turn. Never rejects: a lease that could not be given back runs out. */
  async release({ owner, conversation, rid }: OpenTurn): Promise<void> {
    this.running.delete(rid)
    await within(END_MOST_MS, this.store.release(owner.tenantId, conversation.id, rid)).catch(() => undefined)
  }

  /** What is taken too late is nobody's: the caller has been sent away. */
  private async take(owner: Owner, id: string, rid: string): Promise<TakenConversation | 'busy' | null> {
    const taking = this.store.take(owner, id, rid, new Date(this.clock.now()), { leaseMs: this.config.TOLLGATE_LEASE_MS, mostBytes: MOST_READ_BYTES })
    return within(BEGIN_MOST_MS, taking).catch((error: unknown) => {
      taking.then(() => this.store.release(owner.tenantId, id, rid)).catch(() => undefined)
      throw error
    })
  }

  /** Extends the leases of what runs; called a few times a lease. */
  async tend(): Promise<void> {
    const byTenant = new Map<string, { id: string; rid: string }[]>()
    for (const { owner, conversation, rid } of this.running.values()) byTenant.set(owner.tenantId, [...(byTenant.get(owner.tenantId) ?? []), { id: conversation.id, rid }])
    await Promise.allSettled([...byTenant].map(([tenantId, taken]) => this.store.extend(tenantId, taken, this.config.TOLLGATE_LEASE_MS)))
  }
}

function missing(id: string): { kind: 'refused'; refusal: Refusal } {
  return { kind: 'refused', refusal: refuse('object_not_found', { object: 'Conversation', name: id.slice(0, 100) }) }
}
