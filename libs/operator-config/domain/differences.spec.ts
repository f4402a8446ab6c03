import { differences } from './differences'

it('names the fields in which two objects differ, whatever the order of keys', () => {
  expect(differences({ a: 1, b: { x: 1, y: [2] }, c: null }, { a: 2, b: { y: [2], x: 1 }, c: undefined })).toEqual([{ field: 'a', from: 1, to: 2 }])
  expect(differences({ at: '2026-01-01T00:00:00.000Z' }, { at: new Date('2026-01-01T00:00:00Z') })).toEqual([])
  expect(differences({}, { a: null })).toEqual([])
})

it('of a new object, everything that is not empty', () => {
  expect(differences(null, { a: 1, b: null, c: '', d: [], e: {}, f: false })).toEqual([{ field: 'a', to: 1 }, { field: 'f', to: false }])
})
