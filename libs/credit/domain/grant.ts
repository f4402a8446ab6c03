/** One payment ahead, in pico of the tenant's currency. Below zero it takes back what was granted by mistake. Never changed. */
export interface CreditGrant {
  readonly id: string
  readonly amountPico: bigint
  readonly reason: string
  /** The account that granted it. */
  readonly grantedBy: string
  readonly grantedAt: Date
}

/** A tenant's credit as Postgres has it: the sum of all grants, and what committed calls have spent of it. */
export interface CreditStanding {
  readonly grantedPico: bigint
  readonly spentPico: bigint
}
