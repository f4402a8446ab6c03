const PAUSE_AFTER_FAILURE_MS = 500

/** Runs jobs again and again, each after its own pause, until stopped. A job never overlaps itself. */
export class WorkerLoop {
  private isStopping = false
  private readonly running: Promise<void>[] = []
  private readonly wakers = new Set<() => void>()

  /** @param onFailure told of every failed run; the job goes on */
  constructor(private readonly onFailure: (job: string, error: Error) => void) {}

  /** @param pauseMs between runs; 0 for a job that waits by itself @param mend tried after a failure, before the next run */
  repeat(job: string, pauseMs: number, work: () => Promise<unknown>, mend?: () => Promise<unknown>): void {
    this.running.push(this.cycle(job, pauseMs, work, mend))
  }

  /** Resolves when every job has ended its current run. */
  async stop(): Promise<void> {
    this.isStopping = true
    for (const wake of this.wakers) wake()
    await Promise.all(this.running)
  }

  private async cycle(job: string, pauseMs: number, work: () => Promise<unknown>, mend?: () => Promise<unknown>): Promise<void> {
    while (!this.isStopping) {
      try {
        await work()
        if (pauseMs > 0) await this.pause(pauseMs)
      } catch (error) {
        this.onFailure(job, error as Error)
        await this.pause(PAUSE_AFTER_FAILURE_MS)
        await mend?.().catch(() => undefined)
      }
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.isStopping) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.wakers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.wakers.add(wake)
    })
  }
}
