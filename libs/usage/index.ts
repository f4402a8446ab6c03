export { UsageModule } from './usage.module'
export { UsageService } from './usage.service'
export { chargeColumns, parseClaim, type DraftClaim, type UsageClaim } from './domain/claim'
export type { CommittedSum } from './claim.store'
