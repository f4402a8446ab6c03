import { Module } from '@nestjs/common'
import { OutboundModule } from '@tollgate/platform/outbound'
import { ProvidersService } from './providers.service'

/** The adapters. Needs a global module that provides `CONFIG` and `CLOCK`. */
@Module({ imports: [OutboundModule], providers: [ProvidersService], exports: [ProvidersService] })
export class ProvidersModule {}
