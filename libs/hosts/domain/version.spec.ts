import { isOlder } from './version'

describe('versions', () => {
  it.each([['0.17.0', true], ['0.9.9', true], ['0.17.1', false], ['0.17.1-rc2', false], ['v0.18', false], ['1.0.0', false], ['0.0.0', false], ['0.17', true], ['unknown', false], ['', false]])('%s below 0.17.1: %p', (version, older) => {
    expect(isOlder(version, '0.17.1')).toBe(older)
  })
})
