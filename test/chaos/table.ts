import type { Rest } from '../support/books'
import { FAULT_KINDS } from './scenarios'
import type { ChaosResult } from './result'

/** The result as it is read by people. */
export function table(result: ChaosResult): string {
  const { verdict } = result
  const lines = [
    `chaos: ${result.scenario}, ${result.loadSeconds} s of load, seed ${result.seed}`,
    '',
    row('faults', faultText(result)),
    row('calls', `${verdict.calls}, completed ${verdict.completed}`),
    row('equal', `${verdict.equal} (ledger = upstream's log), estimated ${verdict.estimated} (upstream gave no count)`),
    row('lost, doubled, over', `${verdict.lost}, ${verdict.doubled}, ${verdict.over}; unrecorded ${verdict.unrecorded}`),
    row('corrections', String(verdict.corrections)),
    row('most short of', `${verdict.mostShortfallTokens} tokens on a stream that did not complete (bound ${result.shortfallBoundTokens}), ${verdict.mostWholeShortfallTokens} on a whole answer`),
    ...result.budgets.map(({ tenant, limitPico, spentPico, madePico, refused }) => row(`budget ${tenant}`, `${units(spentPico)} of ${units(limitPico)} spent, upstream made ${units(madePico)}, ${refused} refused`)),
    row('401, 402, 403', String(result.blamed)),
    row('not answered', Object.entries(result.refusals).map(([how, count]) => `${count} ${how}`).join(', ') || 'none'),
    row('at rest', result.restAfterMs === null ? `never: ${leftIn(result.unrest)}` : `${result.restAfterMs} ms after the load${result.unrest ? `, last ${leftIn(result.unrest)}` : ''}`),
    ...result.targets.map(({ what, wanted, found, isMet }) => row(isMet ? 'target met' : 'TARGET MISSED', `${what}: ${found}, wanted ${wanted}`)),
    '',
    result.broken.length === 0 ? 'every invariant held' : `BROKEN:\n  ${result.broken.join('\n  ')}\nreplay: ${result.replay}`,
  ]
  return lines.join('\n')
}

function leftIn(unrest: Rest | null): string {
  const left = Object.entries(unrest ?? {}).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== 0))
  return left.map(([what, value]) => `${what} ${value}`).join(', ')
}

function row(name: string, text: string): string {
  return `${name.padEnd(20)} ${text}`
}

function faultText({ faults }: ChaosResult): string {
  const done = faults.filter(({ outcome }) => outcome === 'done')
  const kinds = [...FAULT_KINDS, 'installation-kill' as const].map((kind) => [kind, done.filter((fault) => fault.kind === kind).length] as const).filter(([, count]) => count > 0)
  const left = faults.length - done.length
  return `${done.length}: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}${left > 0 ? `; ${left} left out` : ''}`
}

/** Pico as a decimal of units, without a float. */
function units(pico: string): string {
  const digits = pico.padStart(13, '0')
  return `${digits.slice(0, -12)}.${digits.slice(-12, -6)}`
}
