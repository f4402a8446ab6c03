import { addressBlock, isInside } from './caller-address'

describe('the block of an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.200'],
    ['::ffff:203.0.113.7', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::5:6'],
    ['2001:db8::1', '2001:db8:0:0:9:8:7:6'],
    ['2001:db8::ffff:1', '2001:0DB8::2'],
    ['2001:db8:1:1ff::1', '2001:db8:1:100:a:b:c:d'],
    ['64:ff9b::192.0.2.1', '64:ff9b::198.51.100.1'],
    ['::1', '::2'],
    ['1:2:3::5:6:7:8', '1:2:3:0:5:6:7:9'],
  ])('of %s and of %s is one', (one, other) => {
    expect(addressBlock(one)).toBe(addressBlock(other))
  })

  it.each([
    ['203.0.113.7', '203.0.114.7'],
    ['2001:db8:1:1ff::1', '2001:db8:1:200::1'],
    ['2001:db8:1:1::1', '2001:db8:1:100::1'],
    ['2001:db8:1::1', '2001:db8:2::1'],
    ['1:2:3::5:6:7:8', '1:2:3:400:5:6:7:8'],
  ])('of %s is another than of %s', (one, other) => {
    expect(addressBlock(one)).not.toBe(addressBlock(other))
  })
})

describe('the networks a key may be used from', () => {
  const cidrs = ['10.1.0.0/16', '192.0.2.7/32', '2001:db8:1::/48']

  it.each(['10.1.255.255', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:1:ffff::1', '2001:db8:1::ffff:1'])('have %s in them', (ip) => expect(isInside(ip, cidrs)).toBe(true))
  it.each(['10.2.0.0', '::ffff:10.2.0.1', '192.0.2.8', '2001:db8:2::1', '2001:db8::ffff:1', '::1', 'unknown', ''])('do not have %s in them', (ip) => expect(isInside(ip, cidrs)).toBe(false))
})
