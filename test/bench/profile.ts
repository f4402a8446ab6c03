import { readFileSync } from 'node:fs'

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const MOST_ROWS = 45

/**
 * The functions of a V8 CPU profile with the most time of their own, as shares of the time that was not idle. The
 * profiler samples by the wall clock: while another process has the core, the function that lost it seems busy.
 * @param fromMs how much of the beginning is left out: start and warm-up are not what is asked about
 */
export function topFunctions(path: string, fromMs: number): string {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, `${callFrame.functionName || '(anonymous)'} ${placeOf(callFrame.url)}${callFrame.url ? `:${callFrame.lineNumber + 1}` : ''}`]))
  const selfUs = new Map<string, number>()
  let busyUs = 0
  let atUs = 0
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id) ?? 'unknown'
    const us = profile.timeDeltas[i] ?? 0
    atUs += us
    if (atUs < fromMs * 1000 || name.startsWith('(idle)')) continue
    busyUs += us
    selfUs.set(name, (selfUs.get(name) ?? 0) + us)
  }
  const rows = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, MOST_ROWS)
  return rows.map(([name, us]) => `${((us / busyUs) * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n')
}

function placeOf(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '')
}
