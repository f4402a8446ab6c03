import { writeState, type State } from './state'

// Taken once: in Jest's sandbox every look at a global is a slow one.
const { imul } = Math

/**
 * Every state seen, as bytes end to end in one growing array, found by an open hash table: about 100 bytes a state, where
 * a Set of strings takes four times that and half the speed. A state's number is its place in breadth-first order, so
 * this is the queue of the search as well.
 */
export class Visited {
  /** All states; the one of number n begins at n × stride. Another array after a state was added. */
  bytes: Uint8Array
  private words: Int32Array
  private table = new Int32Array(1 << 16).fill(-1)
  /** Number of the state each was first reached from. */
  private from = new Int32Array(1 << 14)
  private readonly scratch: Uint8Array
  private readonly scratchWords: Int32Array
  private readonly width: number
  size = 0

  /** @param stride bytes a state takes, a multiple of four */
  constructor(stride: number) {
    this.width = stride / 4
    this.words = new Int32Array(this.width << 14)
    this.bytes = new Uint8Array(this.words.buffer)
    this.scratch = new Uint8Array(stride)
    this.scratchWords = new Int32Array(this.scratch.buffer)
  }

  /** Answers a state's number, or ~number when it was known. */
  add(state: State, from: number): number {
    writeState(state, this.scratch)
    const mask = this.table.length - 1
    let slot = this.hash(this.scratchWords, 0) & mask
    for (let known = this.table[slot]!; known >= 0; known = this.table[slot]!) {
      if (this.isAt(known)) return ~known
      slot = (slot + 1) & mask
    }
    this.table[slot] = this.size
    return this.append(from)
  }

  /** Numbers of the states on the shortest way from the first one to `number`, both included. */
  pathTo(number: number): number[] {
    const path = [number]
    for (let at = number; at > 0; at = path[0]!) path.unshift(this.from[at]!)
    return path
  }

  private append(from: number): number {
    const number = this.size++
    if (number >= this.from.length) this.grow()
    this.words.set(this.scratchWords, number * this.width)
    this.from[number] = from
    if (this.size * 2 > this.table.length) this.rehash()
    return number
  }

  private isAt(number: number): boolean {
    const { words, scratchWords, width } = this
    for (let i = 0, at = number * width; i < width; i++, at++) if (words[at] !== scratchWords[i]) return false
    return true
  }

  private hash(words: Int32Array, at: number): number {
    let h = 0
    const end = at + this.width
    for (let word = at; word < end; word++) {
      h = imul(h ^ words[word]!, 0x9e3779b1)
      h ^= h >>> 15
    }
    return h ^ (h >>> 13)
  }

  private grow(): void {
    const wider = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const made = new Int32Array(old.length * 2)
      made.set(old)
      return made
    }
    this.words = wider(this.words)
    this.bytes = new Uint8Array(this.words.buffer)
    this.from = wider(this.from)
  }

  private rehash(): void {
    const table = new Int32Array(this.table.length * 2).fill(-1)
    for (let number = 0; number < this.size; number++) {
      let slot = this.hash(this.words, number * this.width) & (table.length - 1)
      while (table[slot]! >= 0) slot = (slot + 1) & (table.length - 1)
      table[slot] = number
    }
    this.table = table
  }
}
