import { Module } from '@nestjs/common'
import { TraceStore } from './trace.store'

/** Forgetting, for workers. */
@Module({ providers: [TraceStore], exports: [TraceStore] })
export class TraceUpkeepModule {}
