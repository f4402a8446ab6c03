import fc from 'fast-check'
import { createBody, readModelfile, type Modelfile } from './modelfile'

const read = (text: string): Modelfile => {
  const reading = readModelfile(text)
  if (reading.kind === 'faulty') throw new Error(JSON.stringify(reading.faults))
  return reading.modelfile
}
const faults = (text: string) => {
  const reading = readModelfile(text)
  return reading.kind === 'faulty' ? reading.faults : []
}

const SUPPORT = `# A support agent
from llama3.2:3b
PARAMETER temperature 0.3
parameter num_ctx 8192
PARAMETER stop "<|user|>"
PARAMETER stop <|end|>
PARAMETER use_mmap false

SYSTEM """
You are "Ada".
# not a comment
"""
TEMPLATE """{{ if .System }}{{ .System }}{{ end }}
{{ .Prompt }}"""
LICENSE MIT
LICENSE """Apache
2.0"""
MESSAGE user Is Toronto in Canada?
MESSAGE assistant "yes"
REQUIRES 0.12.0
`

describe('a Modelfile', () => {
  it('is read whole', () => {
    expect(read(SUPPORT)).toEqual({
      from: 'llama3.2:3b',
      parameters: { temperature: 0.3, num_ctx: 8192, stop: ['<|user|>', '<|end|>'], use_mmap: false },
      system: '\nYou are "Ada".\n# not a comment\n',
      template: '{{ if .System }}{{ .System }}{{ end }}\n{{ .Prompt }}',
      license: ['MIT', 'Apache\n2.0'],
      messages: [{ role: 'user', content: 'Is Toronto in Canada?' }, { role: 'assistant', content: 'yes' }],
      requires: '0.12.0',
    })
  })

  it("becomes the body of Ollama's create, without what it does not say", () => {
    expect(createBody('ada', read('FROM phi3'))).toEqual({ model: 'ada', from: 'phi3' })
    expect(createBody('ada', read(SUPPORT))).toMatchObject({ model: 'ada', from: 'llama3.2:3b', license: ['MIT', 'Apache\n2.0'], parameters: { num_ctx: 8192 }, requires: '0.12.0' })
  })

  it('lets the last of single instructions win, with Windows line ends and a byte order mark', () => {
    expect(read('\uFEFFFROM a\r\nSYSTEM one\r\nFROM b\r\nSYSTEM two\r\nPARAMETER top_k 1\r\nPARAMETER TOP_K 2\r\n')).toMatchObject({ from: 'b', system: 'two', parameters: { top_k: 2 } })
  })

  it('keeps quotes inside a value, and lets a plain quote run over lines', () => {
    expect(read('FROM a\nSYSTEM say "hi" to all').system).toBe('say "hi" to all')
    expect(read('FROM a\nSYSTEM "one\ntwo"').system).toBe('one\ntwo')
    expect(read('FROM a\nSYSTEM """"quoted" """').system).toBe('"quoted" ')
    expect(read('FROM a\nSYSTEM ""').system).toBe('')
  })

  it.each<[string, number, string]>([
    ['SYSTEM hi', 0, 'there is no FROM'],
    ['', 0, 'there is no FROM'],
    ['FROM ./model.gguf', 1, 'names the file "./model.gguf"'],
    ['FROM /models/x', 1, 'names the file'],
    ['FROM model.GGUF', 1, 'names the file'],
    ['FROM C:\\x', 1, 'names the file'],
    ['FROM https://x/y', 1, "without a registry's host"],
    ['FROM hf.co/a/b', 1, "without a registry's host"],
    ['FROM localhost:5000/a/b', 1, "without a registry's host"],
    ['FROM a b', 1, 'takes the name of a model'],
    ['FROM', 1, 'FROM has no value'],
    ['\n\nFROM a\nADAPTER ./lora', 4, 'ADAPTER takes a file'],
    ['FROM a\nPARAMETER temprature 1', 2, 'PARAMETER temprature is not known; known are num_ctx'],
    ['FROM a\nPARAMETER __proto__ 1', 2, 'is not known'],
    ['FROM a\nPARAMETER constructor 1', 2, 'is not known'],
    ['FROM a\nPARAMETER temperature warm', 2, 'takes a number, not "warm"'],
    ['FROM a\nPARAMETER temperature NaN', 2, 'takes a number'],
    ['FROM a\nPARAMETER num_ctx 4.5', 2, 'takes a whole number'],
    ['FROM a\nPARAMETER use_mmap yes', 2, 'takes true or false'],
    ['FROM a\nPARAMETER stop', 2, 'PARAMETER stop has no value'],
    ['FROM a\nMESSAGE bot hi', 2, 'begins with a role'],
    ['FROM a\nMESSAGE user', 2, 'has no text'],
    ['FROM a\nREQUIRES new', 2, 'takes a version'],
    ['FROM a\nENTRYPOINT x', 2, 'ENTRYPOINT is no instruction'],
    ['FROM a\n=== b', 2, 'begins with no instruction'],
    ['FROM a\nSYSTEM """\nfor ever\nPARAMETER top_k 1', 2, 'opens """ that is never closed'],
    ['FROM a\nSYSTEM "for ever', 2, 'opens a quote that is never closed'],
  ])('%j is wrong in line %i', (text, line, message) => {
    expect(faults(text)).toContainEqual({ line, message: expect.stringContaining(message) })
  })

  it('tells every fault at once', () => {
    expect(faults('FROM a\nPARAMETER x 1\nSYSTEM ok\nMESSAGE bot hi\nNO').map(({ line }) => line)).toEqual([2, 4, 5])
  })

  it('is read back as it was written, whatever the texts are', () => {
    const text = fc.string().filter((value) => !value.includes('"""') && !value.includes('\r') && !value.endsWith('"'))
    const role = fc.constantFrom('system' as const, 'user' as const, 'assistant' as const)
    fc.assert(
      fc.property(text, fc.array(fc.record({ role, content: text.filter((value) => value !== '') })), fc.option(fc.integer({ min: -1, max: 1e9 })), (system, messages, topK) => {
        const written = ['FROM a', `SYSTEM """${system}"""`, ...messages.map(({ role: who, content }) => `MESSAGE ${who} """${content}"""`), ...(topK === null ? [] : [`PARAMETER top_k ${topK}`])].join('\n')
        expect(read(written)).toMatchObject({ system, messages, parameters: topK === null ? {} : { top_k: topK } })
      }),
    )
  })

  it('never throws and ends soon, whatever it is given', () => {
    const piece = fc.constantFrom('FROM a', 'SYSTEM ', '"""', '"', '\n', '#', 'PARAMETER ', 'stop ', 'MESSAGE user ', ' ', 'x')
    fc.assert(fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => void readModelfile(pieces.join(''))))
  })
})
