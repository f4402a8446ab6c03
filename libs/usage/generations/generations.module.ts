import { Module } from '@nestjs/common'
import { GenerationStore } from './generation.store'

/** Costs that providers tell later, for the worker. */
@Module({ providers: [GenerationStore], exports: [GenerationStore] })
export class GenerationsModule {}
