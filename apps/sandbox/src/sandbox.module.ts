import { Module, type DynamicModule } from '@nestjs/common'
import { startSandbox, type SandboxOptions } from './sandbox'
import { SandboxService } from './sandbox.service'

export { SandboxService }

/** Starts simulated upstreams with a Nest application and exports `SandboxService` to reach them. */
@Module({})
export class SandboxModule {
  static register(options: SandboxOptions): DynamicModule {
    const service = {
      provide: SandboxService,
      useFactory: async () => new SandboxService(await startSandbox(options)),
    }
    return { module: SandboxModule, providers: [service], exports: [SandboxService] }
  }
}
