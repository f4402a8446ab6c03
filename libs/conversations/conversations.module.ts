import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ConversationStore } from './conversation.store'
import { ConversationsService } from './conversations.service'
import { TurnStore } from './turn.store'
import { TurnsService } from './turns.service'
import { ConversationUpkeep } from './upkeep.service'
import { UpkeepStore } from './upkeep.store'

/** Leases are extended so often within their length that one lost write does not end them. */
const TENDED_PER_LEASE = 3

/** Keeps the conversations of this process's running turns until it has drained. */
@Injectable()
class TurnUpkeep implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer?: NodeJS.Timeout

  constructor(
    private readonly turns: TurnsService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.turns.tend(), this.config.TOLLGATE_LEASE_MS / TENDED_PER_LEASE)
    this.timer.unref()
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer)
  }
}

/** Conversations of the data plane (role tg_app). */
@Module({ providers: [ConversationStore, TurnStore, ConversationsService, TurnsService, TurnUpkeep], exports: [ConversationsService, TurnsService] })
export class ConversationsModule {}

/** Forgetting what is over, and rotation: the worker's (role tg_worker). */
@Module({ providers: [UpkeepStore, ConversationUpkeep], exports: [ConversationUpkeep] })
export class ConversationUpkeepModule {}
