import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { Database } from '@tollgate/platform/postgres'
import { LOGGER } from '@tollgate/platform/process'
import { SecretBox } from '@tollgate/platform/secrets'
import { CallKeysService } from './call-keys.service'
import { ExpiredKeyStore } from './expired-key.store'
import { KeyStore, type KeyTable } from './key.store'
import { KeysService } from './keys.service'
import { MutationKeysService } from './mutation-keys.service'

/** Leases are extended so often within their length that one lost write does not end them. */
const TENDED_PER_LEASE = 3

/** Keeps the keys of this process's running requests until it has drained. */
@Injectable()
class KeyUpkeep implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer?: NodeJS.Timeout

  constructor(
    private readonly keys: KeysService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.keys.tend(), this.config.TOLLGATE_LEASE_MS / TENDED_PER_LEASE)
    this.timer.unref()
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer)
  }
}

function keysOn(table: KeyTable) {
  return {
    provide: KeysService,
    inject: [Database, CONFIG, LOGGER],
    useFactory: (database: Database, config: ClusterConfig, logger: ProcessLogger) => new KeysService(new KeyStore(database, table), config.TOLLGATE_LEASE_MS, logger),
  }
}

/** Keys of inference calls: the gateway's (role tg_app). */
@Module({
  providers: [keysOn({ name: 'idempotent_call', holder: 'tenant_id' }), KeyUpkeep, { provide: CallKeysService, inject: [KeysService, SecretBox], useFactory: (keys: KeysService, secrets: SecretBox) => new CallKeysService(keys, secrets) }],
  exports: [CallKeysService],
})
export class CallKeysModule {}

/** Keys of changes: the control plane's (role tg_admin). */
@Module({
  providers: [
    keysOn({ name: 'idempotent_mutation', holder: 'account_id' }),
    KeyUpkeep,
    { provide: MutationKeysService, inject: [KeysService, SecretBox], useFactory: (keys: KeysService, secrets: SecretBox) => new MutationKeysService(keys, secrets) },
  ],
  exports: [MutationKeysService],
})
export class MutationKeysModule {}

/** Forgetting what is over: the worker's (role tg_worker). */
@Module({ providers: [ExpiredKeyStore], exports: [ExpiredKeyStore] })
export class ExpiredKeysModule {}
