import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release } from 'node:os'

/** The two cores of the bench: what is measured has one to itself, everything that loads it shares the other. */
export type Side = 'load' | 'measured'

const CORE: Readonly<Record<Side, number>> = { load: 0, measured: 1 }

/** Why processes cannot be pinned, or null when they can. */
export const pinningProblem: string | null = findProblem()

/** A command line that runs on its side's core alone; unchanged where pinning is not possible. */
export function pinned(side: Side, command: string, args: readonly string[]): { command: string; args: string[] } {
  if (pinningProblem) return { command, args: [...args] }
  return { command: 'taskset', args: ['-c', String(CORE[side]), command, ...args] }
}

/** The machine a result belongs to. */
export function describeMachine(): { cpu: string; cores: number; kernel: string; node: string } {
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), kernel: release(), node: process.version }
}

function findProblem(): string | null {
  if (availableParallelism() < 2) return 'there is only one core: load and measured processes share it, ratios are too low'
  try {
    execFileSync('taskset', ['-c', `${CORE.load},${CORE.measured}`, 'true'], { stdio: 'ignore' })
    return null
  } catch {
    return 'taskset is not on PATH or may not be used: processes are not pinned, so what is measured may use more than one core'
  }
}
