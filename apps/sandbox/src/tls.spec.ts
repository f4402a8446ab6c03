import { X509Certificate } from 'node:crypto'
import { Agent, get } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { startSandbox, type Sandbox, type SandboxHost } from './index'
import { hear } from './testing/caller'

let sandbox: Sandbox
let host: SandboxHost

beforeAll(async () => {
  sandbox = await startSandbox({ hosts: [{ name: 'eu', region: 'eu-west', dialect: 'ollama', models: ['phi3'] }] })
  host = sandbox.host('eu')
})
afterAll(() => sandbox.close())
beforeEach(() => host.reset())

/** The error's code, or the status with the certificate, of a call over TLS. */
function secure(rejectUnauthorized: boolean): Promise<string | { status: number | undefined; certificate: Buffer }> {
  return new Promise((resolve) => {
    const agent = new Agent({ rejectUnauthorized })
    get(`${host.baseUrl.replace('http:', 'https:')}/api/version`, { agent }, (response) => {
      const { raw } = (response.socket as TLSSocket).getPeerCertificate()
      response.resume().on('end', () => resolve({ status: response.statusCode, certificate: raw }))
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

test('tls-bad presents a certificate signed by itself', async () => {
  await host.set('tls-bad')
  expect(await secure(true)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  expect(host.log()).toHaveLength(0)
  const served = await secure(false)
  expect(served).toMatchObject({ status: 200 })
  const certificate = new X509Certificate((served as { certificate: Buffer }).certificate)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now())
})

test('tls-bad;expired=1 presents one whose time is over', async () => {
  await host.set('tls-bad;expired=1')
  expect(typeof (await secure(true))).toBe('string')
  const served = (await secure(false)) as { certificate: Buffer }
  expect(Date.parse(new X509Certificate(served.certificate).validTo)).toBeLessThan(Date.now())
})

test('tls-bad serves nobody in plain text, and a reset ends it', async () => {
  await host.set('tls-bad')
  expect((await hear(`${host.baseUrl}/api/version`)).status).not.toBe(200)
  await host.reset()
  expect((await hear(`${host.baseUrl}/api/version`)).status).toBe(200)
})
