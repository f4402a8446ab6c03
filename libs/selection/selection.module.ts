import { Module } from '@nestjs/common'
import { RuleSetAdminService } from './rule-set-admin.service'
import { RuleSetStore } from './rule-set.store'
import { RuleSetsService } from './rule-sets.service'
import { BacktestStore, TracesService, TraceStore } from './traces'

/** Rule sets and traces for gateways. */
@Module({ providers: [RuleSetStore, RuleSetsService, TraceStore, TracesService], exports: [RuleSetsService, TraceStore, TracesService] })
export class SelectionModule {}

/** Rule sets for the control plane. */
@Module({ providers: [RuleSetStore, RuleSetAdminService, BacktestStore], exports: [RuleSetAdminService, BacktestStore] })
export class SelectionAdminModule {}
