import type { Call } from './command'
import { EXIT, type Terminal } from './terminal'

/** A job on a host, as the control plane tells it. */
export interface Job {
  readonly id: string
  readonly kind: string
  readonly host: string
  readonly model: string
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  readonly progress: { readonly status: string; readonly total: number | null; readonly completed: number | null; readonly percent: number | null } | null
  readonly error: string | null
  readonly created_at: string
}

/** The answer to a pull, create or delete. */
export interface Queued {
  readonly message: string
  readonly jobs: readonly Job[]
}

const BAR_CELLS = 24
/** More bars than this would scroll a small terminal. */
const MOST_BARS = 15

/**
 * Follows jobs to their end, with a bar for each at a terminal and a line for each new step elsewhere; nothing with
 * `--json`. Ctrl-C leaves the jobs running.
 * @returns the jobs as they ended, null when the user left
 */
export async function watchJobs({ api, terminal, options }: Pick<Call, 'api' | 'terminal' | 'options'>, jobs: readonly Job[]): Promise<Job[] | null> {
  const latest = new Map(jobs.map((job) => [job.id, job]))
  const view = options.json === true ? null : new JobView(terminal)
  const stop = new AbortController()
  const release = terminal.onInterrupt?.(() => stop.abort())
  const follow = async ({ id }: Job) => {
    for await (const job of api.events<Job>(`/admin/jobs/${id}/events`, stop.signal)) {
      latest.set(id, job)
      view?.show([...latest.values()])
    }
  }
  try {
    view?.show([...latest.values()])
    await Promise.all(jobs.map(follow))
    return [...latest.values()]
  } catch (error) {
    if (!stop.signal.aborted) throw error
    terminal.stderr.write('\nThe hosts go on: `tollgate jobs list` shows how far they are,\n`tollgate jobs cancel <id>` ends a job.\n')
    return null
  } finally {
    release?.()
  }
}

/** The end of a command that watched: what became of the jobs. @returns exit code */
export function conclude({ show }: Pick<Call, 'show'>, { message }: Queued, ended: readonly Job[] | null): number {
  if (ended === null) return EXIT.interrupted
  const failed = ended.filter(({ state }) => state !== 'succeeded')
  const lines = failed.map(({ host, state, error }) => `${host}: ${state}${error ? `, ${error}` : ''}`)
  show({ message, jobs: ended }, [...lines, failed.length === 0 ? `Done on ${ended.map(({ host }) => host).join(', ') || 'no host: none holds it'}.` : `${failed.length} of ${ended.length} failed.`].join('\n'))
  return failed.length === 0 ? EXIT.done : EXIT.failed
}

/** Draws jobs over and over in the same lines, or tells their steps one after the other. */
class JobView {
  private linesUp = 0
  private readonly told = new Map<string, string>()

  constructor(private readonly terminal: Terminal) {}

  show(jobs: readonly Job[]): void {
    const { stderr } = this.terminal
    if (!stderr.isTTY) return this.tell(jobs)
    const width = Math.max(...jobs.map(({ host }) => host.length))
    const bars = jobs.slice(0, MOST_BARS).map((job) => barOf(job, Math.min(20, width)).slice(0, (stderr.columns || 80) - 1))
    const rest = jobs.length > MOST_BARS ? [`and ${jobs.length - MOST_BARS} more`] : []
    const up = this.linesUp > 0 ? `\x1b[${this.linesUp}A` : ''
    stderr.write(up + [...bars, ...rest].map((line) => `\x1b[2K${line}\n`).join(''))
    this.linesUp = bars.length + rest.length
  }

  private tell(jobs: readonly Job[]): void {
    for (const { id, host, state, progress } of jobs) {
      const step = state === 'running' ? (progress?.status ?? state) : state
      if (this.told.get(id) !== step) this.terminal.stderr.write(`${host}: ${step}\n`)
      this.told.set(id, step)
    }
  }
}

/** `gpu-1  ████████░░░░░░░░░░░░░░░░  34%  pulling 6a0746a1ec1a` */
function barOf({ host, state, progress, error }: Job, width: number): string {
  const percent = state === 'succeeded' ? 100 : (progress?.percent ?? 0)
  const cells = Math.round((percent / 100) * BAR_CELLS)
  const step = state === 'running' ? (progress?.status ?? state) : state === 'succeeded' ? 'done' : `${state}${error ? `: ${error}` : ''}`
  return `${host.slice(0, width).padEnd(width)}  ${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)} ${String(percent).padStart(3)}%  ${step}`
}
