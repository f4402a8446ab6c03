import { judgeFallbacks } from './fallbacks'

const CATALOGUE: Record<string, string[]> = { a: [], b: ['c'], c: [], d: ['b'] }
const judge = (model: string, ...fallbacks: string[]) => judgeFallbacks(model, fallbacks, (name) => CATALOGUE[name])

describe('fallbacks of a model', () => {
  it('are models of the catalogue, each once, and none leads back', () => {
    expect(judge('a', 'b', 'c')).toBeNull()
    expect(judge('a')).toBeNull()
    expect(judge('a', 'b', 'nowhere')).toEqual({ path: 'fallbacks.1', message: 'nowhere is not a model of the catalogue; add it first' })
    expect(judge('a', 'a')).toEqual({ path: 'fallbacks.0', message: 'is the model itself' })
    expect(judge('a', 'b', 'b')).toEqual({ path: 'fallbacks.1', message: 'names b a second time' })
    expect(judge('c', 'a', 'd')).toEqual({ path: 'fallbacks.1', message: 'd falls back to c itself, a circle; take c out of its fallbacks first' })
  })
})
