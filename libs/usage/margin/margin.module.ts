import { Module } from '@nestjs/common'
import { MarginService } from './margin.service'
import { MarginStore } from './margin.store'

/** Margin, for operators. */
@Module({ providers: [MarginStore, MarginService], exports: [MarginService] })
export class MarginModule {}
