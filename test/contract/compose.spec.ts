import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { join } from 'node:path'
import { environmentSchema, parseEnvironment, requireCluster } from '../../libs/platform/config'
import { checkBaseUrl, checkAddress } from '../../libs/platform/outbound/address-policy'
import { compose, composeText, durationSeconds, entryOf, environmentOf, interpolate, ownServices, placeholders, root, SAMPLE_VALUES } from '../deploy/compose-file'

const { services } = compose
const LASTING = ['proxy', 'gateway-1', 'gateway-2', 'admin', 'worker', 'postgres', 'redis']
const OLLAMA = ['ollama-us-east', 'ollama-eu-west', 'ollama-asia-pacific']
const text = (path: string) => readFileSync(join(root, path), 'utf8')
const networksOf = (name: string) => Object.values(Array.isArray(services[name]!.networks) ? services[name]!.networks : Object.keys(services[name]!.networks ?? {}))

/** Whether a service's compiled entry has a source. */
const isWritten = (service: string) => existsSync(join(root, entryOf(service).replace(/^dist\//, '').replace(/\.js$/, '.ts')))

describe('docker-compose.yml', () => {
  it('has every process of the cluster, and an Ollama per region on demand', () => {
    expect(Object.keys(services).sort()).toEqual([...LASTING, ...OLLAMA, 'migrate'].sort())
    for (const name of OLLAMA) expect(services[name]!.profiles).toEqual(['ollama'])
    for (const name of [...LASTING, 'migrate']) expect(services[name]!.profiles).toBeUndefined()
  })

  it('checks the health of every lasting service, restarts it, and gives it time to end', () => {
    for (const name of [...LASTING, ...OLLAMA]) {
      const { healthcheck, restart, stop_grace_period } = services[name]!
      expect([name, healthcheck?.test?.[0], restart]).toEqual([name, expect.stringMatching(/^CMD/), 'unless-stopped'])
      expect([name, durationSeconds(stop_grace_period!) >= 30]).toEqual([name, true])
    }
  })

  it('starts each service after what it needs', () => {
    const needs = { postgres: { condition: 'service_healthy' }, redis: { condition: 'service_healthy' }, migrate: { condition: 'service_completed_successfully' } }
    for (const name of ['gateway-1', 'gateway-2', 'admin', 'worker']) expect(services[name]!.depends_on).toEqual(needs)
    expect(services.migrate).toMatchObject({ restart: 'no', depends_on: { postgres: { condition: 'service_healthy' } } })
    expect(services.proxy!.depends_on).toEqual({ 'gateway-1': { condition: 'service_healthy' }, 'gateway-2': { condition: 'service_healthy' }, admin: { condition: 'service_healthy' } })
  })

  it('keeps what must not be lost in named volumes', () => {
    expect(services.postgres!.volumes).toEqual(['postgres:/var/lib/postgresql'])
    expect(services.redis!.volumes).toEqual(['redis:/data'])
    const named = Object.values(services).flatMap((service) => service.volumes ?? []).map((volume) => volume.split(':')[0]!).filter((source) => !source.startsWith('.'))
    expect(Object.keys(compose.volumes).sort()).toEqual([...named].sort())
  })

  it('runs Redis so that neither limits nor acknowledged usage vanish', () => {
    const command = services.redis!.command!.map((part) => interpolate(part, SAMPLE_VALUES)).join(' ')
    for (const flag of ['--appendonly yes', '--appendfsync everysec', '--maxmemory-policy noeviction', `--requirepass ${SAMPLE_VALUES.REDIS_PASSWORD}`]) expect(command).toContain(flag)
    expect(environmentOf('redis').REDISCLI_AUTH).toBe(new URL(environmentOf('gateway-1').REDIS_URL!).password)
  })

  it('publishes the proxy and nothing else', () => {
    expect(Object.keys(services).filter((name) => services[name]!.ports)).toEqual(['proxy'])
  })

  it('takes privileges from our own containers', () => {
    expect(ownServices.sort()).toEqual(['admin', 'gateway-1', 'gateway-2', 'migrate', 'worker'])
    for (const name of ownServices) expect(services[name]).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
  })

  it('keeps Postgres and Redis on a network that model hosts and the proxy are not on', () => {
    expect(compose.networks.data).toEqual({ internal: true })
    for (const name of ['postgres', 'redis']) expect(networksOf(name)).toEqual(['data'])
    for (const name of ['proxy', ...OLLAMA]) expect(networksOf(name)).not.toContain('data')
  })
})

describe('the environment of our processes', () => {
  const cluster = ['gateway-1', 'gateway-2', 'admin', 'worker']

  it.each(cluster)('of %s is valid and complete', (name) => {
    const config = requireCluster(parseEnvironment(environmentOf(name)))
    expect(config.DATABASE_URL).toBe('postgres://postgres:5432/tollgate')
    expect(durationSeconds(services[name]!.stop_grace_period!) * 1_000).toBeGreaterThan(config.TOLLGATE_DRAIN_TIMEOUT_MS + 5_000)
  })

  it('of migrate is valid, and alone holds the log-in of the owner', () => {
    const config = parseEnvironment(environmentOf('migrate'))
    expect(new URL(config.DATABASE_URL!)).toMatchObject({ username: 'tollgate', password: SAMPLE_VALUES.POSTGRES_PASSWORD })
    expect(config).toMatchObject({ TOLLGATE_OPERATOR_EMAIL: SAMPLE_VALUES.TOLLGATE_OPERATOR_EMAIL, TOLLGATE_OPERATOR_PASSWORD: SAMPLE_VALUES.TOLLGATE_OPERATOR_PASSWORD })
    for (const name of cluster) expect(JSON.stringify(environmentOf(name))).not.toContain(SAMPLE_VALUES.POSTGRES_PASSWORD)
  })

  it('agrees between the processes', () => {
    expect(environmentOf('gateway-2')).toEqual(environmentOf('gateway-1'))
    for (const [name, value] of Object.entries(environmentOf('worker'))) expect([name, environmentOf('gateway-1')[name]]).toEqual([name, value])
  })

  it('names only settings that Tollgate has', () => {
    const names = ownServices.flatMap((name) => Object.keys(services[name]!.environment!))
    expect(names.filter((name) => !(name in environmentSchema.shape))).toEqual([])
  })

  it('lets gateways and worker reach the Ollama services, and no other container', () => {
    const [{ ip_range: others }] = compose.networks.hosts!.ipam!.config as [{ subnet: string; ip_range: string }]
    const dynamic = new BlockList()
    dynamic.addSubnet(others.split('/')[0]!, Number(others.split('/')[1]))
    const { TOLLGATE_HOST_CIDRS: allowedCidrs } = parseEnvironment(environmentOf('gateway-1'))
    const policy = { allowedCidrs, allowLoopback: false, allowedPorts: [] }
    for (const name of OLLAMA) {
      const { hosts } = services[name]!.networks as Record<string, { ipv4_address: string }>
      expect(checkBaseUrl(`http://${name}:11434`, policy)).toEqual({ ok: true })
      expect(checkAddress(hosts!.ipv4_address, 11434, policy)).toEqual({ ok: true })
      expect(dynamic.check(hosts!.ipv4_address)).toBe(false)
    }
    expect(checkAddress(others.split('/')[0]!, 11434, policy)).toMatchObject({ ok: false })
    for (const name of ['gateway-1', 'gateway-2', 'admin', 'worker']) expect(networksOf(name)).toContain('hosts')
  })
})

describe('.env.example', () => {
  const lines = text('.env.example').split('\n')
  const required = lines.flatMap((line) => /^([A-Z0-9_]+)=$/.exec(line)?.[1] ?? [])
  const optional = lines.flatMap((line) => /^#([A-Z0-9_]+)=/.exec(line)?.[1] ?? [])
  const asked = placeholders(composeText)
  const names = (isRequired: boolean) => [...new Set(asked.filter((one) => one.isRequired === isRequired).map((one) => one.name))].sort()

  it('lists exactly what the compose file requires, empty, and what it takes besides', () => {
    expect(required.sort()).toEqual(names(true))
    expect(optional.sort()).toEqual(names(false))
  })

  it('is followed by Compose: each missing secret is named', () => {
    for (const name of required) {
      const values = Object.fromEntries(Object.entries(SAMPLE_VALUES).filter(([known]) => known !== name))
      expect(() => interpolate(composeText, values)).toThrow(`required variable ${name} is missing a value`)
    }
  })

  it('shows the defaults that the schema has', () => {
    const shown = lines.map((line) => /^#([A-Z0-9_]+)=(.+)$/.exec(line)).filter((match) => match !== null)
    const settings = shown.map(([, name, value]) => [name!, value!] as const).filter(([name]) => name in environmentSchema.shape && !['TOLLGATE_HOST_CIDRS', 'TOLLGATE_TRUST_PROXY_HOPS'].includes(name))
    const defaults = parseEnvironment({}) as Record<string, unknown>
    expect(settings.length).toBeGreaterThan(5)
    for (const [name, value] of settings) expect([name, (parseEnvironment({ [name]: value }) as Record<string, unknown>)[name]]).toEqual([name, defaults[name]])
  })
})

describe('the image', () => {
  const dockerfile = text('Dockerfile')
  const stages = dockerfile.split(/^FROM /m).slice(1)
  const last = stages.at(-1)!

  it('is Debian slim in every stage, installs without scripts, and ends with production packages only', () => {
    expect(stages.map((stage) => stage.split(/\s/)[0])).toEqual(['node:24-slim', 'node:24-slim', 'node:24-slim'])
    expect(dockerfile).toContain('npm ci --ignore-scripts --omit=dev --omit=optional')
    expect(last).toContain('COPY --from=packages /app/node_modules node_modules')
    expect(last).not.toMatch(/^RUN/m)
  })

  it('runs as an unprivileged user, in production, the gateway unless told otherwise', () => {
    expect(last).toMatch(/^USER node$/m)
    expect(last).toMatch(/^ENV NODE_ENV=production$/m)
    const command = JSON.parse(/^CMD (\[.*\])$/m.exec(last)![1]!) as string[]
    expect(command).toEqual(services['gateway-1']!.command)
    expect(last).toMatch(/^HEALTHCHECK [\s\S]*node:http[\s\S]*\/readyz/m)
  })

  it('holds the sources and files that its build copies, and leaves secrets out', () => {
    const ignored = text('.dockerignore').split('\n')
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) => match[1]!.split(' '))
    for (const path of copied) expect([path, existsSync(join(root, path)), ignored.includes(`!${path}`)]).toEqual([path, true, true])
    expect(ignored).toEqual(expect.arrayContaining(['*', '**/.env*', '**/node_modules']))
  })

  it('has the entry that each service runs, by node itself', () => {
    for (const name of ownServices) {
      const [program, ...rest] = services[name]!.command!
      expect(program).toBe('node')
      expect(rest.at(-1)).toMatch(/^dist\/apps\/[a-z]+\/src\/main\.js$/)
      expect([name, isWritten(name)]).toEqual([name, true])
    }
    for (const name of ['gateway-1', 'gateway-2']) expect(services[name]!.command).toContain('--max-semi-space-size=64')
  })
})

describe('deploy/haproxy.cfg', () => {
  const lines = text('deploy/haproxy.cfg').split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'))

  it('sends calls to both gateways and the control plane to the admin, by the ports they have', () => {
    for (const name of ['gateway-1', 'gateway-2', 'admin']) expect(lines).toContain(`server ${name} ${name}:${environmentOf(name).PORT}`)
    expect(lines).toEqual(expect.arrayContaining(['acl is_control path,url_dec -m str /admin /auth /openapi.json', 'acl is_control path,url_dec -m beg /admin/ /auth/', 'use_backend control if is_control', 'default_backend gateways']))
    expect(lines.filter((line) => line === 'option httpchk GET /readyz')).toHaveLength(2)
  })

  it('tells the client address once, keeps metrics inside, and never sends a call twice that may have been read', () => {
    expect(environmentOf('gateway-1').TOLLGATE_TRUST_PROXY_HOPS).toBe('1')
    expect(lines).toEqual(expect.arrayContaining(['option forwardfor', 'retry-on conn-failure', 'option abortonclose']))
    expect(lines.find((line) => line.startsWith('http-request return status 404'))).toMatch(/if is_metrics$/)
  })

  it('waits longer than a call may last, and ends before Docker kills it', () => {
    const seconds = (setting: string) => durationSeconds(lines.find((line) => line.startsWith(`${setting} `))!.slice(setting.length))
    const longestCallMs = requireCluster(parseEnvironment(environmentOf('gateway-1'))).TOLLGATE_TOTAL_TIMEOUT_MS
    for (const side of ['client', 'server']) expect(seconds(`timeout ${side}`) * 1_000).toBeGreaterThan(longestCallMs)
    expect(seconds('hard-stop-after')).toBeLessThan(durationSeconds(services.proxy!.stop_grace_period!))
  })
})

describe('nest-cli.json', () => {
  it('lists every app that has an entry', () => {
    const { projects } = JSON.parse(text('nest-cli.json')) as { projects: Record<string, { root: string }> }
    const written = readdirSync(join(root, 'apps')).filter((app) => existsSync(join(root, 'apps', app, 'src/main.ts')))
    expect(Object.values(projects).map((project) => project.root).sort()).toEqual(written.map((app) => `apps/${app}`).sort())
  })
})
