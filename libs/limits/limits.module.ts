import { Module } from '@nestjs/common'
import { AdmissionStore } from './admission.store'
import { BudgetStore } from './budget.store'
import { LimitsService } from './limits.service'
import { OutboxStore } from './outbox.store'

@Module({ providers: [AdmissionStore, BudgetStore, LimitsService, OutboxStore], exports: [LimitsService, OutboxStore] })
export class LimitsModule {}
