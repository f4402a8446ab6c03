import { readFileSync } from 'node:fs'
import type { LogEntry, HostStats, SandboxHostOptions } from '../../apps/sandbox/src'
import { eventually } from '../support/eventually'
import { spawnApp, type SpawnedApp } from '../support/spawn-app'
import { UpstreamTruth } from '../support/upstream-truth'

/** Simulated upstreams in a process of their own, whose log file is the truth of a run. */
export class Upstream {
  private constructor(
    private readonly app: SpawnedApp,
    readonly hosts: readonly { name: string; baseUrl: string }[],
    private readonly logFile: string,
  ) {}

  static async start(installation: string, logFile: string, hosts: readonly SandboxHostOptions[]): Promise<Upstream> {
    const app = await spawnApp('apps/sandbox/src/main', {}, { line: /"ready":true.*\n/ }, { installation, args: [JSON.stringify({ hosts, logFile })] })
    const ready = JSON.parse(app.output().split('\n')[0]!) as { hosts: { name: string; baseUrl: string }[] }
    return new Upstream(app, ready.hosts, logFile)
  }

  /** Requests that run now. */
  async active(): Promise<number> {
    return (await this.stats()).reduce((sum, { active }) => sum + active, 0)
  }

  /** Waits until nothing runs and the log is written, then reads it. */
  async truth(price?: { input: bigint; output: bigint }): Promise<UpstreamTruth> {
    const entries = await eventually(
      async () => {
        const stats = await this.stats()
        const lines = readFileSync(this.logFile, 'utf8').split('\n').filter(Boolean)
        const requests = stats.reduce((sum, one) => sum + one.requests, 0)
        if (stats.some(({ active }) => active > 0) || lines.length < requests) throw new Error(`the sandbox has ended ${lines.length} of ${requests} requests`)
        return lines
      },
      { timeoutMs: 20_000 },
    )
    const truth = new UpstreamTruth(price)
    for (const line of entries) truth.add(JSON.parse(line) as LogEntry)
    return truth
  }

  async stop(): Promise<void> {
    await this.app.stop('SIGKILL')
  }

  private stats(): Promise<HostStats[]> {
    return Promise.all(this.hosts.map(async ({ baseUrl }) => (await fetch(`${baseUrl}/__sim/stats`)).json() as Promise<HostStats>))
  }
}
