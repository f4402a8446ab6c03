/** The only source of time in the house; tests inject their own. */
export interface Clock {
  /** Wall clock in epoch milliseconds: logs, ids and price look-ups. Windows and periods use Redis TIME instead. */
  now(): number
  /** Monotonic milliseconds: durations and leases. */
  monotonicMs(): number
}

/** The only source of ids and randomness in the house. */
export interface Ids {
  /** A new UUIDv7. */
  uuid(): string
  /** Cryptographically random bytes. */
  bytes(length: number): Buffer
}
