import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import type { Sandbox } from './sandbox'

/** Hands the running sandbox to other providers and closes it when the application shuts down. */
@Injectable()
export class SandboxService implements OnApplicationShutdown {
  constructor(readonly sandbox: Sandbox) {}

  async onApplicationShutdown(): Promise<void> {
    await this.sandbox.close()
  }
}
