const WORD_CHARACTER = /[\p{L}\p{N}_]/u
/** Scripts written without spaces: there a word begins and ends anywhere. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** A word of a list as it is compared: lower case, one space between the words of a phrase. */
function foldWord(text: string): string {
  return text.trim().toLowerCase().replace(/\s+/g, ' ')
}

/**
 * Which words and phrases of a list stand in a text, as whole words in any case: `function` is found in "Function()" and
 * not in "functional", "functions" or "my_function"; a list that wants those names them. Literal throughout: no stems, no
 * patterns. A phrase may be broken over lines, not by punctuation. Words of scripts without spaces are found anywhere.
 */
export function findWords(text: string, words: Iterable<string>): string[] {
  const folded = foldWord(text)
  const found: string[] = []
  for (const word of words) if (hasWord(folded, foldWord(word))) found.push(word)
  return found
}

function hasWord(text: string, word: string): boolean {
  if (word === '') return false
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (isEdge(text.charAt(at - 1), word.charAt(0)) && isEdge(text.charAt(at + word.length), word.charAt(word.length - 1))) return true
  }
  return false
}

/** Is there a boundary between a neighbour and the edge of a word? */
function isEdge(neighbour: string, edge: string): boolean {
  return !WORD_CHARACTER.test(neighbour) || UNSPACED.test(neighbour) || UNSPACED.test(edge) || !WORD_CHARACTER.test(edge)
}
