import { Module } from '@nestjs/common'
import { CreditService } from './credit.service'
import { CreditStore } from './credit.store'

/** Grants of credit, for the control plane. */
@Module({ providers: [CreditStore, CreditService], exports: [CreditService] })
export class CreditModule {}
