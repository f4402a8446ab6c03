import type { Findings } from './search'

const COLUMNS = [12, 34, 50, 10, 8] as const

/** What was searched, a line a scenario. */
export class Table {
  states = 0
  private seconds = 0
  private readonly lines = [row('calls', 'faults', 'changed', 'states', 'seconds', 'broken')]

  add({ scenario, states, seconds, traces }: Findings): void {
    this.states += states
    this.seconds += seconds
    const { name, faults, without, untimed, hasCuts, workers, durability } = scenario
    const changed = [without && `without ${without}`, ...untimed.map((timing) => `not: ${timing}`), hasCuts && 'cuts', workers > 1 && `${workers} workers`, durability !== 'outbox' && durability]
    this.lines.push(row(name, faults.join(' + ') || 'none', changed.filter(Boolean).join(', '), String(states), seconds.toFixed(1), [...traces.keys()].sort().join(' ') || 'nothing'))
  }

  text(): string {
    return [...this.lines, row('all', '', '', String(this.states), this.seconds.toFixed(1), '')].join('\n')
  }
}

function row(...cells: string[]): string {
  return cells.map((cell, at) => (at > 2 && at < 5 ? cell.padStart(COLUMNS[at]!) : cell.padEnd(COLUMNS[at] ?? 0))).join(' ').trimEnd()
}
