import { renderPrompt, unknownPlaces } from './prompt'

const WORDS = { model: 'phi3', tenant: 'acme', project: '', date: '2026-01-01' }

describe('a template', () => {
  it('has its places filled once, whatever their values look like', () => {
    expect(renderPrompt('{{ model }}/{{tenant}}{{project}} {{date}} { {model} }', WORDS)).toBe('phi3/acme 2026-01-01 { {model} }')
    expect(renderPrompt('{{tenant}} {{model}}', { ...WORDS, tenant: '{{model}}' })).toBe('{{model}} phi3')
  })

  it('names nothing but its places', () => {
    expect(unknownPlaces('{{user}} {{ model }} {{user}} {{constructor}}')).toEqual(['user', 'constructor'])
  })
})
