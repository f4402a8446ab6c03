import { request } from 'undici'
import { join } from 'node:path'
import type { Side } from './cores'
import { freePort, startChild, startReady, type Child } from './children'
import type { LoadTarget } from './load-connection'
import { PORTKEY_VERSION, portkeyHeaders, type PortkeyInstall } from './peers/portkey'
import type { TargetName } from './options'
import type { Seed } from './seed'
import type { Services } from './services-main'

/** One thing that stands in front of the upstream. */
export interface Target {
  readonly name: TargetName
  readonly label: string
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  /** Roots of the processes that do its work, by label; the first is the one that speaks HTTP. */
  readonly processes: Readonly<Record<string, number>>
}

/** Where calls of a kind to a target go. */
export function loadTarget(target: Target, body: string): LoadTarget {
  return { port: target.port, path: '/v1/chat/completions', headers: target.headers, body }
}

const START_MS = 30_000

/** A target of our own scripts that tells its port. */
export async function startPeer(name: 'fastify' | 'node', upstreamUrl: string): Promise<{ target: Target; child: Child }> {
  const label = name === 'fastify' ? 'bare Fastify + undici' : 'node:http + undici'
  const script = join(__dirname, 'peers', `bare-${name}-main.js`)
  const { child, ready } = await startReady<{ port: number }>({ label, side: 'measured', script, args: [upstreamUrl] })
  return { target: { name, label, port: ready.port, headers: {}, processes: { [name]: child.pid } }, child }
}

/** Portkey's gateway as its start script runs it in production. */
export async function startPortkey(install: Extract<PortkeyInstall, { script: string }>, upstreamUrl: string): Promise<{ target: Target; child: Child }> {
  const port = await freePort()
  const label = `Portkey ${PORTKEY_VERSION}`
  const child = startChild({ label, side: 'measured', script: install.script, args: [`--port=${port}`, '--headless'], cwd: install.folder, env: { NODE_ENV: 'production' } })
  await untilAnswers(child, `http://127.0.0.1:${port}/`)
  const headers = { authorization: 'Bearer sk-bench', ...portkeyHeaders(upstreamUrl) }
  return { target: { name: 'portkey', label, port, headers, processes: { portkey: child.pid } }, child }
}

/** Gateway and worker as a cluster runs them: two processes, Redis with its append-only file, usage through the outbox. */
export async function startGateway(seed: Seed, services: Services, place: { pid: number; side: Side }, flags: readonly string[]): Promise<{ target: Target; children: Child[] }> {
  const port = await freePort()
  const apps = join(__dirname, '..', '..', 'apps')
  const env = {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: seed.databaseUrl,
    REDIS_URL: services.redisUrl,
    TOLLGATE_DB_PASSWORD: seed.rolePassword,
    TOLLGATE_KEY_PEPPER: seed.pepper,
    TOLLGATE_JWT_SECRET: seed.pepper,
    TOLLGATE_SECRETS_KEY: seed.pepper,
    TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true',
  }
  const gateway = startChild({ label: 'gateway', side: 'measured', script: join(apps, 'gateway', 'src', 'main.js'), flags, env })
  const worker = startChild({ label: 'worker', side: place.side, script: join(apps, 'worker', 'src', 'main.js'), env })
  await Promise.race([untilAnswers(gateway, `http://127.0.0.1:${port}/readyz`), worker.ended])
  const target: Target = {
    name: 'gateway',
    label: 'Tollgate, everything on',
    port,
    headers: { authorization: `Bearer ${seed.apiKey}` },
    processes: { gateway: gateway.pid, worker: worker.pid, services: place.pid },
  }
  return { target, children: [gateway, worker] }
}

/** Sends one call of each kind and reads the answer as a client would: a target that answers wrongly is not measured. */
export async function checkTarget(target: Target, bodies: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + START_MS
  for (const body of bodies) {
    for (;;) {
      const { statusCode, body: answer } = await request(`http://127.0.0.1:${target.port}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json', ...target.headers }, body })
      const text = await answer.text()
      if (statusCode === 200) {
        if (!/"completion_tokens":\s*50/.test(text)) throw new Error(`${target.label} answers without the upstream's usage: ${text.slice(-300)}`)
        break
      }
      // A fresh gateway refuses hard-capped calls for a moment, until other gateways could have registered theirs.
      if (statusCode !== 503 || performance.now() > deadlineMs) throw new Error(`${target.label} answers ${statusCode}: ${text.slice(0, 300)}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function untilAnswers(child: Child, url: string): Promise<void> {
  const deadlineMs = performance.now() + START_MS
  const answers = async () => {
    for (;;) {
      const status = await request(url).then(
        async (response) => (await response.body.dump(), response.statusCode),
        () => 0,
      )
      if (status >= 200 && status < 300) return
      if (performance.now() > deadlineMs) throw new Error(`${child.label} did not become ready: ${url} answers ${status}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await Promise.race([answers(), child.ended])
}
