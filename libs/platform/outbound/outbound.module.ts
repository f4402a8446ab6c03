import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIG, type Environment } from '@tollgate/platform/config'
import type { AddressPolicy } from './address-policy'
import { OutboundPools } from './outbound-pools'

/** The address policy an environment asks for. */
export function addressPolicyOf(config: Environment): AddressPolicy {
  return {
    allowedCidrs: config.TOLLGATE_HOST_CIDRS,
    allowedPorts: config.TOLLGATE_HOST_PORTS,
    allowLoopback: config.TOLLGATE_ALLOW_LOOPBACK_HOSTS,
  }
}

/** Closes the pools when the process stops, after the calls in flight. */
@Injectable()
class PoolsCloser implements OnApplicationShutdown {
  constructor(@Inject(OutboundPools) private readonly pools: OutboundPools) {}

  onApplicationShutdown(): Promise<void> {
    return this.pools.closeAll()
  }
}

/** One `OutboundPools` for the process. Needs a global module that provides `CONFIG`. */
@Module({
  providers: [
    { provide: OutboundPools, inject: [CONFIG], useFactory: (config: Environment) => new OutboundPools(addressPolicyOf(config)) },
    PoolsCloser,
  ],
  exports: [OutboundPools],
})
export class OutboundModule {}
