import { checkAddress, checkBaseUrl, type AddressPolicy } from './address-policy'

const STRICT: AddressPolicy = { allowedCidrs: [], allowLoopback: false, allowedPorts: [] }
const REGIONAL: AddressPolicy = { allowedCidrs: ['10.0.1.0/24', '100.64.0.0/16', 'fd12::/16', '169.254.0.0/16', '0.0.0.0/0', '::/0'], allowLoopback: false, allowedPorts: ['9000', '9100-9110'] }
const DEVELOPMENT: AddressPolicy = { ...STRICT, allowLoopback: true }

describe('addresses', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111'])('public %s is allowed', (address) => {
    expect(checkAddress(address, 443, STRICT)).toEqual({ ok: true })
  })

  it.each(['10.0.1.10', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12::1', 'fec0::1', '192.0.2.1', '198.18.0.1', '2001:db8::1'])('private %s only when listed', (address) => {
    expect(checkAddress(address, 443, STRICT).ok).toBe(false)
    expect(checkAddress(address, 443, REGIONAL).ok).toBe(true)
  })

  it.each([
    '169.254.169.254', '169.254.0.1', '100.100.100.200', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'febf::1', '224.0.0.1', 'ff02::1', '0.0.0.0', '0.1.2.3', '::',
    '255.255.255.255', '240.0.0.1', '::ffff:10.0.1.10', '::ffff:a00:10a', '0:0:0:0:0:ffff:a00:10a', '::10.0.1.10', '::ffff:0:10.0.1.10', '64:ff9b::a00:10a', '64:ff9b::10.0.1.10',
    '64:ff9b:1::1', '2002:a00:10a::1', '2001:0:1::1', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost', '', '10.0.1', '0x7f.1',
  ])('%s is refused whatever is listed', (address) => {
    expect(checkAddress(address, 443, REGIONAL).ok).toBe(false)
  })

  it.each(['127.0.0.1', '127.0.0.2', '::1'])('loopback %s on any port in development', (address) => {
    expect(checkAddress(address, 39_999, DEVELOPMENT).ok).toBe(true)
  })

  it('does not take an embedded loopback for one', () => {
    for (const address of ['::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1']) expect(checkAddress(address, 80, DEVELOPMENT).ok).toBe(false)
  })

  it.each([[80, true], [443, true], [11434, true], [8000, true], [8999, true], [9000, true], [9105, true], [22, false], [5432, false], [6379, false], [7999, false], [9001, false], [0, false]])('port %d: %p', (port, isOpen) => {
    expect(checkAddress('8.8.8.8', port, REGIONAL).ok).toBe(isOpen)
  })

  it('says what to do', () => {
    expect(checkAddress('10.0.1.10', 443, STRICT)).toEqual({ ok: false, reason: '10.0.1.10 is private. Add its network to TOLLGATE_HOST_CIDRS if it is yours.' })
    expect(checkAddress('8.8.8.8', 22, STRICT)).toMatchObject({ reason: expect.stringContaining('TOLLGATE_HOST_PORTS') })
  })
})

describe('base URLs', () => {
  it.each(['https://api.openai.com/v1', 'http://10.0.1.10:11434', 'http://ollama.lan:8080', 'http://[fd12::1]:11434'])('%s is allowed', (url) => {
    expect(checkBaseUrl(url, REGIONAL)).toEqual({ ok: true })
  })

  it.each([
    'not a url', '', 'file:///etc/passwd', 'gopher://x', 'ftp://x', 'javascript:1', 'http://user:pw@host', 'http://host?x=1', 'http://host/#x', 'http://host:22', 'http://host:6379',
    'http://localhost:11434', 'http://localhost.', 'http://localhost.:11434', 'http://a.localhost', 'http://host.', 'http://metadata.google.internal', 'http://metadata', 'http://METADATA.GOOGLE.INTERNAL',
    'http://127.0.0.1', 'http://2130706433', 'http://0x7f000001', 'http://0177.0.0.1', 'http://127.1', 'http://①②⑦.⓪.⓪.①', 'http://169.254.169.254.', 'http://[::1]', 'http://[::ffff:7f00:1]',
    'http://[::7f00:1]', 'http://[64:ff9b::a9fe:a9fe]', 'http://[2002:7f00:1::]', 'http://0', 'http://0.0.0.0:11434', 'http://[fe80::1]', 'http://[fd00:ec2::254]', 'http://100.100.100.200',
  ])('%s is refused', (url) => {
    const verdict = checkBaseUrl(url, REGIONAL)
    expect(verdict).toEqual({ ok: false, reason: expect.stringMatching(/\. ?|\.$/) })
  })

  it('allows this machine in development, but not in disguise', () => {
    for (const url of ['http://localhost:1234', 'http://127.0.0.1:39999', 'http://[::1]:7']) expect(checkBaseUrl(url, DEVELOPMENT)).toEqual({ ok: true })
    for (const url of ['http://localhost.:1234', 'http://[::ffff:127.0.0.1]:80']) expect(checkBaseUrl(url, DEVELOPMENT).ok).toBe(false)
  })
})
