import { Inject, Injectable } from '@nestjs/common'
import { ConversationUpkeep } from '@tollgate/conversations'
import { HostSecrets } from '@tollgate/hosts'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { EndpointSecrets } from '@tollgate/webhooks'

/** Rotates the key that wraps secrets: those sealed under another key come under today's, a few small statements when there is nothing to do. */
@Injectable()
export class RewrapSecretsJob {
  constructor(
    private readonly hosts: HostSecrets,
    private readonly endpoints: EndpointSecrets,
    private readonly conversations: ConversationUpkeep,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  async run(): Promise<void> {
    for (const [kind, room] of [['host', this.hosts], ['webhook', this.endpoints], ['conversation', this.conversations]] as const) {
      const { rewrapped, unreadable } = await room.rewrap()
      if (rewrapped > 0) this.logger.info({ kind, rewrapped, unreadable: unreadable.length }, 'secrets were brought under TOLLGATE_SECRETS_KEY')
      if (unreadable.length > 0) this.logger.error({ kind, unreadable: unreadable.slice(0, 20) }, 'secrets do not open: they were altered, or their key is not in TOLLGATE_SECRETS_KEYS_ALSO')
    }
  }
}
