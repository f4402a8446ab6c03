import type { RequestListener } from 'node:http'
import { NestFactory } from '@nestjs/core'
import type { INestApplicationContext } from '@nestjs/common'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { HostStore, ProbeService } from '@tollgate/hosts'
import type { Clock, Ids } from '@tollgate/kernel'
import { LimitsService } from '@tollgate/limits'
import type { Environment } from '@tollgate/platform/config'
import { createHttpApp, READINESS, type Readiness } from '@tollgate/platform/http'
import { processLogger } from '@tollgate/platform/logging'
import { AccountService } from '@tollgate/tenants/people'
import { AdminModule } from '../../admin/src/admin.module'
import { GatewayModule } from '../../gateway/src/gateway.module'
import { SandboxModule, SandboxService } from '../../sandbox/src/sandbox.module'
import { WorkerModule } from '../../worker/src/worker.module'
import { banner } from './banner'
import type { StandaloneFile } from './data-folder'
import { addHost, firstRun, type AdminCall } from './first-run'
import { FrontDoor } from './front-door'
import { startServices, type Services } from './services'
import { cloudHosts, SANDBOX_PARALLEL, sandboxHosts, type PlannedHost } from './upstreams'

const OPERATOR_EMAIL = 'operator@tollgate.local'
const OLLAMA_ANSWERS_WITHIN_MS = 800

/** A running installation. */
export interface Standalone {
  readonly readiness: Readiness
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/** Gateway, control plane and worker in one process, on embedded services and, without a real Ollama, sandbox hosts. */
export async function startStandalone(environment: Environment, clock: Clock, ids: Ids): Promise<Standalone> {
  const startedAtMs = clock.monotonicMs()
  const door = new FrontDoor()
  const port = await door.listen(environment.HOST, environment.PORT)
  const stops: (() => Promise<unknown>)[] = [() => door.close(environment.TOLLGATE_DRAIN_TIMEOUT_MS)]
  const stop = async () => {
    for (const step of stops) await step().catch(() => undefined)
  }
  try {
    const services = await startServices(environment, ids, () => undefined)
    stops.push(() => services.stop())
    // Stopped in this order: listener, apps, services. Each app goes in front of the services.
    const keep = <T extends INestApplicationContext>(app: T): T => {
      stops.splice(stops.length - 1, 0, () => app.close())
      return app
    }
    const worker = keep(await workerOf(services))
    await worker.get(LimitsService).markBuckets(0)
    const admin = keep(await httpOf(services, AdminModule.register(services.config)))
    const { hosts, isSandbox } = await upstreamsOf(services, admin, keep)
    const file = await prepare(services, admin, hosts, isSandbox, `http://127.0.0.1:${port}`)
    const gateway = keep(await httpOf(services, GatewayModule.register(services.config)))
    door.open({ gateway: listenerOf(gateway), admin: listenerOf(admin) })
    const about = { isSandbox, redis: services.redisKind, dataDir: services.folder.path, startedInMs: clock.monotonicMs() - startedAtMs }
    return { readiness: gateway.get<Readiness>(READINESS), lines: banner(file, about), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function workerOf({ config }: Services): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(WorkerModule.register(config), { logger: processLogger(config.LOG_LEVEL).forNest(), abortOnError: false })
}

async function httpOf({ config }: Services, module: Parameters<typeof createHttpApp>[0]): Promise<NestFastifyApplication> {
  const app = await createHttpApp(module, { config })
  await app.init()
  await app.getHttpAdapter().getInstance().ready()
  return app
}

function listenerOf(app: NestFastifyApplication): RequestListener {
  const fastify = app.getHttpAdapter().getInstance()
  return (request, response) => fastify.routing(request, response)
}

/** A real Ollama when one answers, otherwise three sandbox hosts; and the cloud accounts the environment names. */
async function upstreamsOf({ config, folder }: Services, admin: NestFastifyApplication, keep: <T extends INestApplicationContext>(app: T) => T): Promise<{ hosts: PlannedHost[]; isSandbox: boolean }> {
  const cloud = cloudHosts(config)
  const isReal = config.OLLAMA_ENABLED && (await admin.get(ProbeService).isOllamaAt(config.OLLAMA_BASE_URL, OLLAMA_ANSWERS_WITHIN_MS))
  if (isReal) return { hosts: [{ name: 'ollama', region: 'us-east', provider: 'ollama', base_url: config.OLLAMA_BASE_URL }, ...cloud], isSandbox: false }
  if (!config.TOLLGATE_SANDBOX_HOSTS) return { hosts: cloud, isSandbox: false }
  const sandbox = keep(await NestFactory.createApplicationContext(SandboxModule.register({ hosts: sandboxHosts(folder.readStandalone()) }), { logger: false, abortOnError: false }))
  const hosts = sandbox.get(SandboxService).sandbox.hosts.map((host) => ({ name: host.name, region: host.region, provider: 'ollama', base_url: host.baseUrl, max_parallel: SANDBOX_PARALLEL }))
  return { hosts: [...hosts, ...cloud], isSandbox: true }
}

/** First-run data, once; later starts only correct addresses. Writes `standalone.json`. */
async function prepare({ folder, secrets }: Services, admin: NestFastifyApplication, hosts: PlannedHost[], isSandbox: boolean, baseUrl: string): Promise<StandaloneFile> {
  const before = folder.readStandalone()
  const operator = { email: OPERATOR_EMAIL, password: secrets.operatorPassword }
  if (!before) await admin.get(AccountService).create('system', { tenantId: null, ...operator, role: 'owner' }).catch(ignoreTaken)
  const file: StandaloneFile = { base_url: baseUrl, pid: process.pid, operator, tenants: before?.tenants ?? [], hosts: hosts.map(({ name, region, base_url, provider }) => ({ name, region, base_url, provider })) }
  const call = await operatorOf(admin, operator)
  const save = (tenants: StandaloneFile['tenants']) => folder.writeStandalone({ ...file, tenants })
  for (const host of hosts) {
    const known = before?.hosts.find((candidate) => candidate.name === host.name)
    if (before && known?.base_url !== host.base_url) await addHost(call, host)
  }
  file.tenants = await firstRun(call, before ? [] : hosts, file.tenants, save)
  if (isSandbox) await admin.get(HostStore).markSandbox(hosts.filter((host) => host.name.startsWith('sandbox-')).map((host) => host.name))
  folder.writeStandalone(file)
  return file
}

/** Logs the operator in and answers a function that calls the control plane without a socket. */
async function operatorOf(admin: NestFastifyApplication, operator: { email: string; password: string }): Promise<AdminCall> {
  const login = await admin.inject({ method: 'POST', url: '/auth/login', payload: operator })
  const { access_token: token } = login.json<{ access_token: string }>()
  return async (method, path, body) => {
    const reply = await admin.inject({ method, url: path, headers: { authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { payload: body as object }) })
    if (reply.statusCode >= 400) throw new Error(`${reply.statusCode} ${method} ${path}: ${reply.body.slice(0, 300)}`)
    return reply.json<Record<string, unknown>>()
  }
}

function ignoreTaken(error: Error): void {
  if (!error.message.includes('already exists')) throw error
}
