import { ChaosCalls } from './calls'
import { SCENARIOS } from './scenarios'
import { CALM_MS, drawSchedule, familyOf } from './schedule'

const HOUR_MS = 3_600_000

describe('the schedule of faults', () => {
  it.each(Object.entries(SCENARIOS))('%s: the same seed draws the same faults, another one others, more time only adds some', (_, scenario) => {
    const faults = drawSchedule(scenario, 7, 1_000, HOUR_MS)
    expect(drawSchedule(scenario, 7, 1_000, HOUR_MS)).toEqual(faults)
    expect(drawSchedule(scenario, 8, 1_000, HOUR_MS)).not.toEqual(faults)
    const fewer = drawSchedule(scenario, 7, 1_000, HOUR_MS / 6)
    expect(fewer.length).toBeGreaterThan(10)
    expect(faults.slice(0, fewer.length)).toEqual(fewer)
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(Object.keys(scenario.faults)))
  })

  it('keeps deaths of gateways and faults of Redis apart, and half an hour of everything has three hundred faults', () => {
    const faults = drawSchedule(SCENARIOS.mixed, 7, 0, HOUR_MS)
    const torn = faults.filter(({ kind }) => familyOf(kind) !== 'other')
    const changes = torn.slice(1).map((fault, index) => ({ before: torn[index]!, fault })).filter(({ before, fault }) => familyOf(before.kind) !== familyOf(fault.kind))
    expect(changes.length).toBeGreaterThan(50)
    expect(changes.filter(({ before, fault }) => fault.atMs < before.atMs + CALM_MS)).toEqual([])
    expect(faults.length).toBeGreaterThanOrEqual(600)
  })
})

it('calls are drawn by number: the same seed draws the same call, in whatever order', () => {
  const calls = new ChaosCalls(7, SCENARIOS.budget.tenants)
  const drawn = Array.from({ length: 500 }, (_, index) => calls.at(index))
  expect(drawn.map((_, index) => new ChaosCalls(7, SCENARIOS.budget.tenants).at(499 - index)).reverse()).toEqual(drawn)
  expect(new ChaosCalls(8, SCENARIOS.budget.tenants).at(0)).not.toEqual(drawn[0])
  expect(new Set(drawn.map(({ tenant }) => tenant))).toEqual(new Set([0, 1, 2]))
})
