import { openWith, sealWith, SecretBox } from '@tollgate/platform/secrets'
import { headContext, keyContext, turnContext, type Conversation, type Turn } from './domain/conversation'
import type { StoredConversation } from './conversation.store'
import type { StoredTurn } from './turn.store'

/** The texts of a conversation outside its turns. */
export type Head = Pick<Conversation, 'title' | 'system'>
/** The texts of a turn. */
export type TurnTexts = Pick<Turn, 'messages' | 'answer'>

/** Seals and opens one tenant's conversations. Lives for one request: the plain key is kept nowhere. */
export class TenantCipher {
  private readonly dataKey: Buffer

  /** @throws when the wrapped key was altered, or wrapped by a key that is not here */
  constructor(
    box: SecretBox,
    private readonly tenantId: string,
    wrapped: Buffer,
  ) {
    this.dataKey = Buffer.from(box.open(wrapped, keyContext(tenantId)), 'base64')
  }

  /** A new tenant's key, wrapped. @param key 32 random bytes */
  static wrap(box: SecretBox, tenantId: string, key: Buffer): Buffer {
    return box.seal(key.toString('base64'), keyContext(tenantId))
  }

  sealHead(id: string, head: Head): Buffer {
    return sealWith(this.dataKey, Buffer.from(JSON.stringify(head)), headContext(this.tenantId, id))
  }

  sealTurn(id: string, seq: number, texts: TurnTexts): Buffer {
    return sealWith(this.dataKey, Buffer.from(JSON.stringify(texts)), turnContext(this.tenantId, id, seq))
  }

  /** @throws when the row was altered or copied here */
  open({ head, ...row }: StoredConversation): Conversation {
    return { ...row, ...(JSON.parse(openWith(this.dataKey, head, headContext(this.tenantId, row.id)).toString()) as Head) }
  }

  /** @throws as `open` */
  openTurn(id: string, { sealed, ...row }: StoredTurn): Turn {
    return { ...row, ...(JSON.parse(openWith(this.dataKey, sealed, turnContext(this.tenantId, id, row.seq)).toString()) as TurnTexts) }
  }
}
