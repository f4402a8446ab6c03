import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIG, type Environment } from '@tollgate/platform/config'
import type { AddressPolicy, OwnEndpoint } from './address-policy'
import { OutboundPools } from './outbound-pools'

/** The address policy an environment asks for. */
export function addressPolicyOf(config: Environment): AddressPolicy {
  return {
    allowedCidrs: config.TOLLGATE_HOST_CIDRS,
    allowedPorts: config.TOLLGATE_HOST_PORTS,
    allowLoopback: config.TOLLGATE_ALLOW_LOOPBACK_HOSTS,
    own: [...endpointOf(config.DATABASE_URL, 5432), ...endpointOf(config.REDIS_URL, 6379), ...(config.PORT ? [{ host: '127.0.0.1', port: config.PORT }] : [])],
  }
}

function endpointOf(url: string | undefined, defaultPort: number): OwnEndpoint[] {
  // Several after commas are nodes of a Redis Cluster: those that are not named are not known here.
  return (url?.split(',') ?? []).map((part) => {
    const { hostname, port } = new URL(part.trim())
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || defaultPort }
  })
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
