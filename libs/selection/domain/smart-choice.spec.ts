import fc from 'fast-check'
import { settleChoice, type StandIn, type Target } from './smart-choice'
import { chosenSet, effectiveSets, type StoredRuleSet } from './stored-rule-set'

const match = { use: 'coding', rule: 'task/code', because: 'it has "code"' }
const target = (model: string): Target => ({ model, provider: null })

describe('a choice', () => {
  it('is used as it is where nothing is in its way', () => {
    expect(settleChoice(match, target('codellama:13b'), [], () => null)).toEqual({ note: { wanted: 'codellama:13b', used: 'codellama:13b', rule: 'task/code', reason: 'it has "code"' }, target: target('codellama:13b') })
  })

  it('is replaced by the first stand-in that can be used, and says so', () => {
    const standIns = ['a', 'b', 'c'].map((model) => ({ target: target(model), from: `place ${model}` }))
    const settled = settleChoice(match, target('codellama:13b'), standIns, ({ model }) => (model === 'b' || model === 'c' ? null : `${model} is not available in free tier`))
    expect(settled!.note).toEqual({ wanted: 'codellama:13b', used: 'b', rule: 'task/code', reason: 'it has "code"; codellama:13b is not available in free tier, so place b is used' })
  })

  it('that leads nowhere names what was asked for', () => {
    expect(settleChoice(match, null, [{ target: target('a'), from: 'the default' }], () => null)!.note).toMatchObject({ wanted: 'coding', used: 'a', reason: 'it has "code"; coding leads to no model, so the default is used' })
  })

  it('never leaves the permitted set, and is missing only when that holds no stand-in', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    fc.assert(
      fc.property(fc.option(name), fc.array(name), fc.subarray(['a', 'b', 'c', 'd', 'e']), (wanted, others, permitted) => {
        const standIns: StandIn<Target>[] = others.map((model) => ({ target: target(model), from: 'x' }))
        const settled = settleChoice(match, wanted === null ? null : target(wanted), standIns, ({ model }) => (permitted.includes(model) ? null : 'no'))
        if (settled) expect(permitted).toContain(settled.note.used)
        else expect([wanted, ...others].filter((model) => model !== null && permitted.includes(model))).toEqual([])
        if (wanted !== null && permitted.includes(wanted)) expect(settled!.note.used).toBe(wanted)
      }),
    )
  })
})

describe('rule sets of a tenant', () => {
  const set = (name: string, tenantId: string | null, isDefault = false): StoredRuleSet => ({ id: '', name, tenantId, isDefault, description: '', rules: [], otherwise: { use: 'default' }, changedBy: '', changedAt: new Date(0) })
  const shared = [set('language', null), set('task', null, true)]

  it('stand in for the operator’s of the same name; its default for the operator’s', () => {
    const own = [set('task', 't'), set('mine', 't', true)]
    const sets = effectiveSets(shared, own)
    expect([...sets.values()].map(({ name, tenantId }) => [name, tenantId])).toEqual([['language', null], ['task', 't'], ['mine', 't']])
    expect(chosenSet(sets, null)!.name).toBe('mine')
    expect(chosenSet(sets, 'language')!.tenantId).toBeNull()
    expect(chosenSet(sets, 'none')).toBeUndefined()
    expect(chosenSet(effectiveSets(shared, []), null)!.name).toBe('task')
    expect(chosenSet(effectiveSets([], []), null)).toBeUndefined()
  })
})
