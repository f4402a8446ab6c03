/** NUL, and halves of a character: no text of a database holds them. */
const UNSTORABLE = /\0|\p{Surrogate}/gu

/** Would Postgres hold this text as it is? */
export function isStorable(text: string): boolean {
  return text.search(UNSTORABLE) < 0
}

/** The text with a replacement character for everything that Postgres would not hold. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, '\ufffd')
}
