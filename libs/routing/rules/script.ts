/** Units of text by script, and words. Han and Kana are kept apart: only Japanese has Kana. */
export interface ScriptCount {
  readonly latin: number
  readonly han: number
  readonly kana: number
  /** Letters of every other script: Cyrillic, Arabic, Hangul, Thai, … */
  readonly other: number
  /** Runs between white space; of Han and Kana, which are written without it, two characters are a word. */
  readonly words: number
}

/** A character of Han or Kana says about as much as so many Latin letters. */
const LETTERS_PER_CJK = 4
/** The part of a text that one script must hold for the text to be of that script. */
const MAJORITY = 0.6
/** Chinese may quote a Kana; of a Japanese sentence one in ten characters is one. */
const KANA_SHARE = 0.1

/** Signs that stand in code and hardly in prose, and words that stand in both. One sign and one word, or two signs, are code. */
const CODE_SIGNS = ['();', ');', '};', '=> ', ' == ', ' != ', '&&', '</', '/>', '{\n', '):\n', '::', '->', '#include', '#!/', 'console.log', 'print(', 'SELECT ']
const CODE_WORDS = ['function ', 'def ', 'class ', 'import ', 'const ', 'let ', 'var ', 'return ', 'public ', 'static ', 'void ', ' FROM ', ' WHERE ', 'elif ', 'fn ']

const CJK = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\ud840-\ud888]/

/** Characters of Han and Kana. Most texts have none, which V8 knows of a Latin one without reading it. */
export function countCjk(text: string): number {
  if (!CJK.test(text)) return 0
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isHan(code) || isKana(code)) count++
  }
  return count
}

/** Counts letters by Unicode range; linear, no tables. */
export function countScripts(text: string): ScriptCount {
  let [latin, han, kana, other, words] = [0, 0, 0, 0, 0]
  let isInside = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isSpace = code === 32 || (code >= 9 && code <= 13) || code === 160 || code === 0x3000
    const isCjk = isHan(code) || isKana(code)
    if (!isSpace && !isCjk && !isInside) words++
    isInside = !isSpace && !isCjk
    if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 0xc0 && code <= 0x24f && code !== 0xd7 && code !== 0xf7)) latin++
    else if (isHan(code)) han++
    else if (isKana(code)) kana++
    else if ((code >= 0x370 && code <= 0x1fff) || (code >= 0x2c00 && code <= 0x2dff) || (code >= 0xa000 && code <= 0xd7ff)) other++
  }
  return { latin, han, kana, other, words: words + Math.ceil((han + kana) / 2) }
}

/**
 * `english`, `chinese`, `japanese`, `code`, `multilingual`, or null for a text without letters. By script, not by words:
 * Latin letters are called english whatever their language, and whoever knows better says so in `language`. A text of
 * several scripts is what holds three fifths of it, a Han or Kana character counting as four letters; else, and for
 * every other script, it is multilingual.
 */
export function detectLanguage(text: string, { latin, han, kana, other }: ScriptCount = countScripts(text)): string | null {
  if (looksLikeCode(text)) return 'code'
  const cjk = (han + kana) * LETTERS_PER_CJK
  const all = latin + cjk + other
  if (all === 0) return null
  if (cjk >= all * MAJORITY) return kana >= (han + kana) * KANA_SHARE ? 'japanese' : 'chinese'
  return latin >= all * MAJORITY ? 'english' : 'multilingual'
}

/** By literal markers: a fence, two signs of code, or a sign beside a word of code. */
function looksLikeCode(text: string): boolean {
  if (text.includes('```')) return true
  const signs = CODE_SIGNS.filter((sign) => text.includes(sign)).length
  return signs > 1 || (signs === 1 && CODE_WORDS.some((word) => text.includes(word)))
}

/** High surrogates 0xd840 to 0xd888 are those of the rarer Han characters; the low half is not counted. */
function isHan(code: number): boolean {
  return (code >= 0x3400 && code <= 0x9fff) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xd840 && code <= 0xd888)
}

function isKana(code: number): boolean {
  return (code >= 0x3040 && code <= 0x30ff) || (code >= 0xff66 && code <= 0xff9f)
}
