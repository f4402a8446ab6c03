import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { anyCharacter } from '../../../test/support/any-text'
import { promptFeatures } from './prompt-features'
import { matchRules, vocabularyOf, type RuleSet } from './rule-set'
import { detectLanguage } from './script'
import { findWords } from './word-list'

/** The shipped sets, read from the migration that ships them. */
const SHIPPED = new Map(
  [...readFileSync(join(__dirname, '../../../migrations/0060_rule_sets.sql'), 'utf8').matchAll(/'(\w+)', '[^']*', (?:true|false), 'shipped', '(\[[^']*\])', '(\{[^']*\})'\)/g)].map(([, name, rules, otherwise]): [string, RuleSet] => [name!, { name: name!, rules: JSON.parse(rules!), otherwise: JSON.parse(otherwise!) }]),
)
const words = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`).join(' ')
const ask = (set: string, content: string, given: { language?: string; project?: string } = {}) =>
  matchRules(SHIPPED.get(set)!, promptFeatures([{ role: 'user', content }], { language: given.language, project: given.project ?? null }, vocabularyOf([SHIPPED.get(set)!])))

it('ships five sets', () => expect([...SHIPPED.keys()]).toEqual(['task', 'complexity', 'token_budget', 'language', 'project']))

describe('golden: task', () => {
  it.each([
    ['Write code that sorts a list', 'coding', 'task/code'],
    ['I like PROGRAMMING.', 'coding', 'task/code'],
    ['please debug: it hangs', 'coding', 'task/code'],
    ['What does Function() do?', 'coding', 'task/code'],
    ['analyze the code', 'coding', 'task/code'],
    ['Analyze this', 'powerful', 'task/analysis'],
    ['research the market', 'powerful', 'task/analysis'],
    ['Explain in\n detail how rain forms', 'powerful', 'task/analysis'],
    ['explain, in detail', 'fast', 'task/short'],
    ['explain how rain forms', 'fast', 'task/short'],
    [words(19), 'fast', 'task/short'],
    [words(20), 'balanced', 'task/default'],
    [`${words(30)} debugging functional decoder my_function codes`, 'balanced', 'task/default'],
    [`${words(30)} code`, 'coding', 'task/code'],
  ])('%j → %s', (text, use, rule) => expect(ask('task', text)).toMatchObject({ use, rule }))

  it('names the presets of code and analysis', () => expect([ask('task', 'debug').task, ask('task', 'analyze').task, ask('task', 'hi').task]).toEqual(['code', 'analysis', undefined]))
})

describe('golden: complexity', () => {
  it.each([
    ['What is the time?', 'fast', 'complexity/simple'],
    [`${'x'.repeat(48)}?`, 'fast', 'complexity/simple'],
    [`${'x'.repeat(49)}?`, 'default', 'complexity/default'],
    ['analyze this?', 'fast', 'complexity/simple'],
    ['Tell me the time', 'default', 'complexity/default'],
    ['Analyze this', 'expert', 'complexity/complex'],
    ['compare a and b', 'expert', 'complexity/complex'],
    ['explain why the sky is blue', 'expert', 'complexity/complex'],
    ['explain the sky', 'default', 'complexity/default'],
    [`evaluate this: ${'x'.repeat(40)}?`, 'expert', 'complexity/complex'],
  ])('%j → %s', (text, use, rule) => expect(ask('complexity', text)).toMatchObject({ use, rule }))

  it('counts characters, not code units', () => expect(ask('complexity', `${'😀'.repeat(48)}?`).use).toBe('fast'))
})

describe('golden: token_budget', () => {
  it.each([
    ['', 'fast'],
    ['x'.repeat(1_996), 'fast'],
    ['x'.repeat(1_997), 'default'],
    ['x'.repeat(7_996), 'default'],
    ['x'.repeat(7_997), 'powerful'],
    ['字'.repeat(499), 'fast'],
    ['字'.repeat(500), 'default'],
    ['字'.repeat(2_000), 'powerful'],
  ])('%#', (text, use) => expect(ask('token_budget', text).use).toBe(use))

  it('counts every message, since all are read', () => {
    const set = SHIPPED.get('token_budget')!
    const messages = [{ role: 'system', content: 'x'.repeat(4_000) }, { role: 'user', content: [{ type: 'text', text: 'hi' }] }] as const
    expect(matchRules(set, promptFeatures(messages, { project: null }, vocabularyOf([set]))).use).toBe('default')
  })
})

describe('golden: language', () => {
  it.each([
    ['How are you today?', 'english', 'balanced'],
    ['Wie heißt du?', 'english', 'balanced'],
    ['你今天好吗', 'chinese', 'medium'],
    ['请解释 machine learning 的概念', 'chinese', 'medium'],
    ['今日はいい天気ですね', 'japanese', 'large'],
    ['東京都の人口を教えてください', 'japanese', 'large'],
    ['カタカナ', 'japanese', 'large'],
    ['def add(a, b):\n    return a + b', 'code', 'coding'],
    ['```\nx\n```', 'code', 'coding'],
    ['const x = () => 1', 'code', 'coding'],
    ['Let me import a class of students', 'english', 'balanced'],
    ['Привет, как дела?', 'multilingual', 'powerful'],
    ['안녕하세요', 'multilingual', 'powerful'],
    ['Hello world привет мир как дела', 'multilingual', 'powerful'],
    ['good morning 早上好', 'multilingual', 'powerful'],
    ['12 + 30', null, 'default'],
  ])('%j is %s', (text, language, use) => {
    expect(detectLanguage(text)).toBe(language)
    expect(ask('language', text).use).toBe(use)
  })

  it.each([['japanese', 'large'], ['JA', 'large'], ['zh-CN', 'medium'], [' English ', 'balanced'], ['code', 'coding'], ['german', 'default']])('given as %j it wins over the text', (language, use) => expect(ask('language', 'Привет', { language }).use).toBe(use))
})

describe('golden: project', () => {
  it.each([['engineering', 'codellama:34b'], ['marketing', 'llama3.2'], ['research', 'llama3.1:70b'], ['support', 'phi3'], ['sales', 'default'], [undefined, 'default']])('%s → %s', (project, use) => expect(ask('project', 'hi', { project }).use).toBe(use))
})

describe('words', () => {
  it.each([
    ['function', 'functional functions my_function malfunction function2', []],
    ['function', 'a function.', ['function']],
    ['c++', 'I write C++, mostly', ['c++']],
    ['代码', '请写代码吧', ['代码']],
    ['debug', '请debug一下', ['debug']],
    ['explain why', 'Explain\twhy', ['explain why']],
    ['explain why', 'explain whyever', []],
    ['naïve', 'A NAÏVE try', ['naïve']],
    ['', 'x', []],
    ['.*', 'anything', []],
  ])('%j in %j: %j', (word, text, found) => expect(findWords(text, [word])).toEqual(found))

  it('are found wherever they stand between others, in any case', () => {
    const word = fc.stringMatching(/^[a-z]{2,8}$/)
    fc.assert(fc.property(fc.array(word, { maxLength: 8 }), word, fc.array(word, { maxLength: 8 }), (before, one, after) => expect(findWords([...before, one.toUpperCase(), ...after].join(' '), [one])).toEqual([one])))
  })
})

it('a megabyte is looked at in its first and last characters only', () => {
  const set = SHIPPED.get('task')!
  const features = (text: string) => promptFeatures([{ role: 'user', content: text }], { project: null }, vocabularyOf([set]))
  const long = 'x '.repeat(500_000)
  expect(features(long)).toEqual({ characters: 1_000_000, words: 500_000, tokens: 250_000, language: 'english', project: null, matched: [], contained: [] })
  expect(features(`debug ${long}`).matched).toEqual(['debug'])
  expect(features(`${long} debug`).matched).toEqual(['debug'])
  expect(features(`${long} debug ${long}`).matched).toEqual([])
})

it('any text is measured without a fault, and the first rule that matches wins', () => {
  const set: RuleSet = { name: 's', rules: [{ name: 'a', when: { fewer_words_than: 3, any_words: ['x'] }, use: 'a' }, { name: 'b', when: {}, use: 'b' }, { name: 'c', when: {}, use: 'c' }], otherwise: { use: 'd' } }
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 200 }), (content) => {
      const features = promptFeatures([{ role: 'user', content }], { project: null }, vocabularyOf([set]))
      const isFirst = features.words < 3 && features.matched.includes('x')
      expect(matchRules(set, features).use).toBe(isFirst ? 'a' : 'b')
    }),
  )
})
