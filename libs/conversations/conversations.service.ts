import { Inject, Injectable } from '@nestjs/common'
import { refuse, type Clock, type Ids, type Refusal } from '@tollgate/kernel'
import { CLOCK, IDS, within } from '@tollgate/platform/clock'
import { SecretBox } from '@tollgate/platform/secrets'
import { ConversationStore } from './conversation.store'
import { MOST_TURNS, type Conversation, type Owner, type Turn } from './domain/conversation'
import { TenantCipher } from './tenant-cipher'
import { TurnStore } from './turn.store'

const KEY_BYTES = 32
/** As long as Postgres itself lets a statement run. */
const MOST_MS = 10_000
/** What one tenant may keep. */
const MOST_CONVERSATIONS = 10_000

/** What a caller asks for when it opens a conversation. */
export type NewConversation = Pick<Conversation, 'projectId' | 'model' | 'allowedRegions' | 'title' | 'system' | 'ttlSeconds'>

/** Conversations of tenants who asked for them: made, read, exported, switched, erased. Rejects only for infrastructure faults. */
@Injectable()
export class ConversationsService {
  constructor(
    private readonly store: ConversationStore,
    private readonly turns: TurnStore,
    private readonly box: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Asking for one is the opt-in: before that nothing of a tenant is stored, not even a key. */
  async create(owner: Owner, wanted: NewConversation): Promise<Conversation | Refusal> {
    const cipher = await this.cipher(owner.tenantId)
    const now = new Date(this.clock.now())
    const { title, system, ...rest } = wanted
    const row = { ...rest, id: this.ids.uuid(), turns: 0, bytes: 0, usesVision: false, usesTools: false, createdAt: now, updatedAt: now, expiresAt: new Date(now.getTime() + wanted.ttlSeconds * 1_000) }
    const isMade = await within(MOST_MS, this.store.insert(owner.tenantId, { ...row, head: cipher.sealHead(row.id, { title, system }) }, MOST_CONVERSATIONS))
    return isMade ? { ...row, title, system } : refuse('conversation_full', { limit: `${MOST_CONVERSATIONS} conversations an account; delete some` })
  }

  /** Null = not there, expired, or another's: nobody can tell which. */
  async find(owner: Owner, id: string): Promise<Conversation | null> {
    const row = await within(MOST_MS, this.store.find(owner, id, this.now()))
    return row && (await this.cipher(owner.tenantId)).open(row)
  }

  /** Newest first. */
  async list(owner: Owner, page: { after?: string; limit: number }): Promise<Conversation[]> {
    const rows = await within(MOST_MS, this.store.list(owner, page, this.now()))
    if (rows.length === 0) return []
    const cipher = await this.cipher(owner.tenantId)
    return rows.map((row) => cipher.open(row))
  }

  /** Turns in order, from after one. @param conversation as `find` gave it, which is the permission */
  async turnsOf(owner: Owner, { id }: Conversation, page: { after: number; limit: number } = { after: 0, limit: MOST_TURNS }): Promise<Turn[]> {
    const { turns, wrapped } = await within(MOST_MS, this.turns.list(owner.tenantId, id, page))
    if (turns.length === 0 || !wrapped) return []
    const cipher = new TenantCipher(this.box, owner.tenantId, wrapped)
    return turns.map((turn) => cipher.openTurn(id, turn))
  }

  /** False = not there. */
  async switchModel(owner: Owner, id: string, model: string): Promise<boolean> {
    return within(MOST_MS, this.store.setModel(owner, id, model, this.now()))
  }

  /** Really gone, turns too. False = it was not there. */
  async remove(owner: Owner, id: string): Promise<boolean> {
    return within(MOST_MS, this.store.remove(owner, id, this.now()))
  }

  /** Everything of the owner; see `ConversationStore.erase`. */
  async erase(owner: Owner): Promise<number> {
    return within(MOST_MS, this.store.erase(owner))
  }

  private now(): Date {
    return new Date(this.clock.now())
  }

  private async cipher(tenantId: string): Promise<TenantCipher> {
    const wrapped = await within(MOST_MS, this.store.key(tenantId, () => TenantCipher.wrap(this.box, tenantId, this.ids.bytes(KEY_BYTES))))
    return new TenantCipher(this.box, tenantId, wrapped)
  }
}
