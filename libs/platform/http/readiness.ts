import { within } from '@tollgate/platform/clock'

/** Injection token of `Readiness`. */
export const READINESS = 'READINESS'

/** A check that takes longer has failed: whoever asks must get an answer while a service swallows packets. */
const CHECK_MOST_MS = 1_000

/** Whether this process may get traffic. Flips to not ready first when it is told to stop. */
export class Readiness {
  private draining = false

  /** @param checks named questions asked at every `/readyz`: true = fine */
  constructor(private readonly checks: Readonly<Record<string, () => Promise<boolean>>>) {}

  startDraining(): void {
    this.draining = true
  }

  get isDraining(): boolean {
    return this.draining
  }

  async report(): Promise<{ isReady: boolean; checks: Record<string, string> }> {
    const entries = await Promise.all(Object.entries(this.checks).map(async ([name, check]) => [name, await within(CHECK_MOST_MS, check()).catch(() => false)] as const))
    const checks = Object.fromEntries(entries.map(([name, fine]) => [name, fine ? 'ok' : 'failed']))
    return { isReady: !this.draining && entries.every(([, fine]) => fine), checks: this.draining ? { ...checks, draining: 'yes' } : checks }
  }
}
