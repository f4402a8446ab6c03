import { createHash } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** `length` letters and digits that follow from `seed` alone. */
export function letters(seed: string, length: number): string {
  let text = ''
  for (let block = 0; text.length < length; block++) {
    for (const byte of createHash('sha256').update(`${seed}/${block}`).digest())
      text += ALPHABET[byte % ALPHABET.length]
  }
  return text.slice(0, length)
}

/** `length` hex digits that follow from `seed` alone. */
export const hexDigits = (seed: string, length: number): string =>
  createHash('sha256').update(seed).digest('hex').slice(0, length)

/** A tool call's id: 32 characters as llama.cpp makes them, or `call_` and 8 as Ollama's own parsers do. */
export function callId(sequence: number, form: 'short' | 'long'): string {
  return form === 'long' ? letters(`call-${sequence}`, 32) : `call_${letters(`call-${sequence}`, 8).toLowerCase()}`
}

/** An id unlike any other of this host, cheap to make: a running number in base 36, padded with `x`. */
export const runningId = (sequence: number, length: number): string => sequence.toString(36).padStart(length, 'x')
