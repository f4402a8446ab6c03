import { Injectable } from '@nestjs/common'
import { FleetAdminService, type HostRecord } from '@tollgate/hosts'
import type { Entry, KnownHost } from '@tollgate/operator-config'
import { ProvidersService } from '@tollgate/providers'
import { moneyText } from '../fields.schema'
import { HostAdminService } from '../host-admin.service'
import { createHostBody, type CreateHostBody } from '../routes/hosts/host.schema'
import { hostFields } from '../routes/hosts/host.wire'
import type { Draft } from './draft'

const MOST_HOSTS = 100_000

/** What a file says of hosts. Secrets are compared, never shown. */
@Injectable()
export class HostPlan {
  constructor(
    private readonly hosts: HostAdminService,
    private readonly fleet: FleetAdminService,
    private readonly providers: ProvidersService,
  ) {}

  /** Ids of providers that there are adapters for. */
  get knownProviders(): ReadonlySet<string> {
    return this.providers.known
  }

  async regions(): Promise<ReadonlySet<string>> {
    return new Set((await this.fleet.regions()).map(({ slug }) => slug))
  }

  async known(): Promise<KnownHost[]> {
    return (await this.fleet.list({ limit: MOST_HOSTS })).map((host) => ({ name: host.name, provider: host.provider, base_url: host.baseUrl, region: host.region }))
  }

  /** Hosts as the file has them, without their secrets: what the file does not say stays. */
  async export(): Promise<object[]> {
    const hosts = await this.fleet.list({ limit: MOST_HOSTS })
    return hosts.map((host) => ({ name: host.name, provider: host.provider, ...Object.fromEntries(Object.entries(wireOf(host)).filter(([, value]) => value !== null)) }))
  }

  async add(draft: Draft, entries: readonly Entry[], regions: ReadonlySet<string>): Promise<void> {
    const known = new Map((await this.fleet.list({ limit: MOST_HOSTS })).map((host) => [host.name, host]))
    for (const entry of entries) {
      const host = known.get(String(entry.value.name))
      const body = draft.parse(createHostBody, entry, host ? { region: host.region, provider: host.provider, base_url: host.baseUrl, ...entry.value } : entry.value)
      if (!body || !draft.isFirst('host', body.name, entry)) continue
      this.judge(draft, entry, body, host, regions)
      if (host) this.change(draft, host, body)
      else draft.compare('host', body.name, null, { ...body, cost_per_hour: moneyText(body.cost_per_hour ?? null), secret: body.secret ? '(hidden)' : undefined }, () => this.create(body))
    }
  }

  private judge(draft: Draft, entry: Entry, body: CreateHostBody, host: HostRecord | undefined, regions: ReadonlySet<string>): void {
    if (!regions.has(body.region)) draft.fault(entry, ['region'], `${body.region} is not a region`)
    if (!this.providers.known.has(body.provider)) draft.fault(entry, ['provider'], `must be one of ${[...this.providers.known].sort().join(', ')}`)
    if (host && host.provider !== body.provider) draft.fault(entry, ['provider'], `of a host does not change: ${host.name} is of ${host.provider}. Add another host under another name`)
    const isMoved = body.base_url !== host?.baseUrl
    const problem = isMoved ? this.hosts.addressProblem(body.base_url) : null
    if (problem !== null) draft.fault(entry, ['base_url'], problem)
    if (host?.secret && isMoved && body.secret === undefined) draft.fault(entry, ['base_url'], 'changes, so secret must be given again, or null')
  }

  private change(draft: Draft, host: HostRecord, body: CreateHostBody): void {
    const fields = hostFields(body)
    const { secret, drain, ...others } = fields
    const isOther = secret !== undefined && !this.fleet.hasSecret(host, secret)
    const after = wireOf({ ...host, ...others, isDraining: drain ?? host.isDraining })
    draft.compare('host', host.name, wireOf(host), after, async () => warningsOf(await this.hosts.change(host.name, isOther ? fields : { ...others, drain })), isOther ? [{ field: 'secret', from: '(hidden)', to: '(hidden, another)' }] : [])
  }

  private async create(body: CreateHostBody): Promise<string[]> {
    const { name, region, provider, base_url: baseUrl } = body
    return warningsOf(await this.hosts.add({ ...hostFields(body), name, region, provider, baseUrl }))
  }
}

/** What a file may say of a host, but its secret; a new field of hosts does not compile until it stands here. */
function wireOf(host: HostRecord) {
  return {
    region: host.region,
    base_url: host.baseUrl,
    max_parallel: host.maxParallel,
    weight: host.weight,
    cost_per_hour: moneyText(host.costPerHourPico),
    vram_bytes: host.vramBytes,
    disk_bytes: host.diskBytes,
    enabled: host.isEnabled,
    drain: host.isDraining,
  } satisfies Record<Exclude<keyof CreateHostBody, 'name' | 'provider' | 'secret'>, unknown>
}

function warningsOf({ host, discovery }: Awaited<ReturnType<HostAdminService['add']>>): string[] {
  if (!discovery) return []
  return [
    ...(discovery.isReachable ? [] : [`Host ${host.name} did not answer (${host.lastError ?? 'unknown error'}) and stays in drain. Mend it, then probe it: tollgate hosts resume ${host.name}`]),
    ...(discovery.modelsWithoutPrice.length === 0 ? [] : [`These models of host ${host.name} have no price and cannot be served until one is added: ${discovery.modelsWithoutPrice.join(', ')}`]),
    ...(discovery.modelsForwarded.length === 0 ? [] : [`Host ${host.name} forwards these models to a cloud (remote_host), outside of every region, so they are not served: ${discovery.modelsForwarded.join(', ')}`]),
  ]
}
