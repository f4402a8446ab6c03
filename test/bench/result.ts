import type { describeMachine } from './cores'
import type { Sample } from './measure'
import type { BenchOptions } from './options'
import type { Figures } from './summary'
import type { Ratios, Verdict } from './verdict'

/** Everything one run found; what `--json` prints and results/ keeps. */
export interface BenchResult {
  readonly at: string
  readonly command: string
  readonly machine: ReturnType<typeof describeMachine>
  readonly options: BenchOptions
  readonly notes: readonly string[]
  readonly figures: readonly Figures[]
  readonly ratios: Ratios
  readonly idleRssMib: Readonly<Record<string, number>>
  /** What the database says of the gateway's calls; null when it was not measured. */
  readonly settlement: { readonly usageRows: number; readonly completedCalls: number; readonly errors: number; readonly isBalanced: boolean } | null
  readonly verdicts: readonly Verdict[]
  readonly samples: readonly Sample[]
}
