import type { ChatEvent } from '@tollgate/kernel'
import { areWholeArguments } from './whole-arguments'

/** A part of an answer that is being told. */
export interface OpenPart {
  /** Index of the tool call; negative for every other kind of part. */
  readonly key: number
  text: string
}

/**
 * The parts of an answer one after the other, for surfaces that tell them so: a part begins, its deltas follow, it ends
 * before the next one begins. What comes in the midst of an unfinished call waits.
 */
export abstract class PartsInTurn<Part extends OpenPart> {
  protected open: Part | null = null
  private readonly waiting = new Map<number, ChatEvent[]>()
  /** Calls that are done: only blanks can follow whole arguments. */
  private readonly over = new Set<number>()

  /** Ends the open part, if there is one, and opens that of this event. */
  protected abstract begin(key: number, event: ChatEvent): void
  /** Adds an event to the open part; false when the reader is slow. */
  protected abstract delta(event: ChatEvent): boolean

  protected take(key: number, event: ChatEvent): boolean {
    if (this.open?.key === key) return this.delta(event)
    if (this.over.has(key)) return true
    const waiting = this.waiting.get(key)
    if (waiting) waiting.push(event)
    else this.waiting.set(key, [event])
    return this.flush(false)
  }

  /** What waited goes out, as long as no call is cut off by it. */
  protected flush(isEnd: boolean): boolean {
    let isReady = true
    for (const [key, events] of this.waiting) {
      if (!isEnd && this.open && this.open.key >= 0 && !areWholeArguments(this.open.text)) break
      this.waiting.delete(key)
      this.begin(key, events[0]!)
      for (const event of events) isReady = this.delta(event)
    }
    return isReady
  }

  /** The open part has been told to its end. */
  protected leave(): void {
    if (this.open && this.open.key >= 0) this.over.add(this.open.key)
    this.open = null
  }
}
