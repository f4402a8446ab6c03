/**
 * A small table kept whole in memory: loaded at boot, again on a change notice and every few seconds. Reading costs
 * nothing and never waits; a failed load keeps the last good value (security.md, configuration roll-out).
 */
export class Snapshot<T> {
  private value: T | undefined
  private loading: Promise<T> | undefined
  private isStale = false

  /** @param load reads the whole table and validates it; @param onError told about failed reloads */
  constructor(
    private readonly load: () => Promise<T>,
    private readonly onError: (error: unknown) => void = () => undefined,
  ) {}

  /** The last good value. @throws when nothing was ever loaded: call `refresh` at boot */
  current(): T {
    if (this.value === undefined) throw new Error('snapshot read before its first load')
    return this.value
  }

  get isLoaded(): boolean {
    return this.value !== undefined
  }

  /** Loads now; calls at the same time share one load, and one that comes during a load causes another after it. */
  async refresh(): Promise<T> {
    if (this.loading) {
      this.isStale = true
      return this.loading
    }
    this.loading = this.reload()
    try {
      return await this.loading
    } finally {
      this.loading = undefined
    }
  }

  /** As `refresh`, but a failure is only reported: for timers and notices. */
  refreshQuietly(): void {
    this.refresh().catch(this.onError)
  }

  private async reload(): Promise<T> {
    do {
      this.isStale = false
      this.value = await this.load()
    } while (this.isStale)
    return this.value
  }
}
