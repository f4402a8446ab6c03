export { CreditModule } from './credit.module'
export { CreditService } from './credit.service'
export type { CreditGrant, CreditStanding } from './domain/grant'
