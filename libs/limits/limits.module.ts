import { Module } from '@nestjs/common'
import { AdmissionStore } from './admission.store'
import { BudgetStore } from './budget.store'
import { BudgetWatchStore } from './budget-watch.store'
import { LimitsService } from './limits.service'
import { OutboxStore } from './outbox.store'
import { ReconcileService } from './reconcile.service'
import { StandingService } from './standing/standing.service'

@Module({ providers: [AdmissionStore, BudgetStore, BudgetWatchStore, LimitsService, OutboxStore, ReconcileService, StandingService], exports: [BudgetWatchStore, LimitsService, OutboxStore, ReconcileService, StandingService] })
export class LimitsModule {}
