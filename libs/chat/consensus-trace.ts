import { decimalFromPico } from '@tollgate/kernel'
import type { Child, Consensus } from './consensus'
import { LeadNote, type PartNote } from './part-note'

/** A consensus as its first call's trace tells it: every call it is made of, with what each cost. Answers are never in it. */
export class ConsensusTrace extends LeadNote {
  readonly of = 'consensus'
  private whole: Record<string, unknown> = {}

  explanation(): Record<string, unknown> {
    return this.whole
  }

  /** What a later call tells: whose it is. */
  later(role: 'answer' | 'judge'): PartNote {
    return this.noteOf({ role })
  }

  note({ method, children, judge, chosen }: Consensus): void {
    this.whole = { role: 'answer', method, answers: children.map((child, index) => ({ ...told(child), chosen: index === chosen })), judge: judge && told(judge) }
  }
}

function told({ requestId, model, result }: Child): Record<string, unknown> {
  const end = result.kind === 'completed' ? { cost: decimalFromPico(result.costPico) } : { code: result.refusal.code }
  return { request_id: requestId, model, ...end }
}
