import { spawnApp, type SpawnedApp } from './spawn-app'

/** How a mortal process is started. */
export interface MortalOptions {
  /** The line it prints when it is ready. */
  readonly ready?: RegExp
  readonly timeoutMs?: number
  readonly args?: string[]
  /** See spawnApp. */
  readonly installation?: string
}

/** Several start at once, on a machine that may be busy with other things. */
const START_MS = 60_000

/** A process of ours that is killed, stopped and started again as it was. */
export class Mortal {
  private app: SpawnedApp | null = null
  private isWanted = false
  private earlierOutput = ''
  /** Ends that nobody asked for: what the process printed last. */
  readonly collapses: string[] = []

  constructor(
    readonly name: string,
    private readonly entry: string,
    private readonly env: Record<string, string>,
    private readonly options: MortalOptions = {},
  ) {}

  get isAlive(): boolean {
    return this.isWanted
  }

  /** Everything it printed in all its lives. */
  get output(): string {
    return this.earlierOutput + (this.app?.output() ?? '')
  }

  async start(): Promise<void> {
    const { ready = /listens on|worker runs/, ...options } = this.options
    const app = await spawnApp(this.entry, this.env, { line: ready }, { timeoutMs: START_MS, ...options })
    this.app = app
    this.isWanted = true
    void app.exited.then((code) => {
      if (this.isWanted && this.app === app) this.collapses.push(`${this.name} ended by itself with ${code}: ${app.output().slice(-2_000)}`)
    })
  }

  /** `kill -9`. */
  async die(): Promise<void> {
    this.isWanted = false
    await this.app?.stop('SIGKILL')
    this.earlierOutput = this.output
    this.app = null
  }

  /** SIGTERM: it ends what it has begun. Resolves with its exit code. */
  async leave(): Promise<number | null> {
    this.isWanted = false
    const code = (await this.app?.stop('SIGTERM')) ?? null
    this.earlierOutput = this.output
    this.app = null
    return code
  }

  /** Stops it where it stands, until `thaw`. */
  freeze(): void {
    if (this.app) process.kill(this.app.pid, 'SIGSTOP')
  }

  thaw(): void {
    if (this.app) process.kill(this.app.pid, 'SIGCONT')
  }

  async stop(): Promise<void> {
    if (this.app) await this.die()
  }
}
