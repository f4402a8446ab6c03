import { readdirSync, readFileSync } from 'node:fs'

/** Kernel clock ticks a second in /proc; 100 on every Linux a person meets. */
const TICKS_PER_SECOND = 100

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly name: string
  readonly cpuUs: number
}

/** CPU and memory are read from /proc; without it they are not known, and the tables say so. */
export const canReadProcesses: boolean = readStat('self') !== null

/** CPU time in µs, user and system, by kind of process. */
export type CpuUs = Readonly<Record<string, number>>

/**
 * CPU time so far of the process trees below `roots`, by label. Embedded servers are told apart by their program's
 * name; ended children count with their parents, so nothing is lost when a Postgres backend goes.
 */
export function cpuUsOf(roots: Readonly<Record<string, number>>): CpuUs {
  const stats = allStats()
  const sums: Record<string, number> = {}
  for (const [label, pid] of Object.entries(roots)) {
    for (const stat of treeOf(stats, pid)) {
      const key = serverName(stat.name) ?? label
      sums[key] = (sums[key] ?? 0) + stat.cpuUs
    }
  }
  return sums
}

/** What was used between two readings. */
export function cpuBetween(before: CpuUs, after: CpuUs): CpuUs {
  return Object.fromEntries(Object.entries(after).map(([label, us]) => [label, us - (before[label] ?? 0)]))
}

/** Resident memory of one process in MiB; NaN where it is not known. */
export function rssMib(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return Number.NaN
  }
}

function serverName(name: string): string | null {
  if (name.startsWith('redis') || name.startsWith('valkey')) return 'redis'
  return name.startsWith('postgres') ? 'postgres' : null
}

function allStats(): Stat[] {
  if (!canReadProcesses) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readStat(pid) ?? [])
}

function treeOf(stats: readonly Stat[], root: number): Stat[] {
  const own = stats.filter((stat) => stat.pid === root)
  return [...own, ...stats.filter((stat) => stat.parent === root).flatMap((child) => treeOf(stats, child.pid))]
}

function readStat(pid: string): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name is in brackets and may hold anything, brackets too.
    const nameEnd = text.lastIndexOf(')')
    const fields = text.slice(nameEnd + 2).split(' ')
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
    return { pid: Number(text.slice(0, text.indexOf(' '))), parent: Number(fields[1]), name: text.slice(text.indexOf('(') + 1, nameEnd), cpuUs: (ticks * 1_000_000) / TICKS_PER_SECOND }
  } catch {
    return null
  }
}
