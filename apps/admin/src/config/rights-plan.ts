import { Injectable } from '@nestjs/common'
import { AliasAdminService } from '@tollgate/catalog'
import { canonicalModel } from '@tollgate/kernel'
import type { Entry } from '@tollgate/operator-config'
import { ProvidersService } from '@tollgate/providers'
import { TenantAdminService } from '@tollgate/tenants'
import { permits, TierAdminService } from '@tollgate/tiers'
import { z } from 'zod'
import { slug } from '../fields.schema'
import { scopedAliasBody } from '../routes/catalog/alias.schema'
import { createTierBody } from '../routes/tiers/tier.schema'
import { tierOf, tierWire } from '../routes/tiers/tier.wire'
import type { Draft } from './draft'

const MOST_TIERS = 10_000
/** Id of a tenant that the same file is going to make: nothing is stored for it. */
const NOT_THERE_YET = '00000000-0000-0000-0000-000000000000'

const aliasEntry = scopedAliasBody.extend({ tenant: slug.nullable().optional() }).refine((body) => !body.tier || !body.tenant, { path: ['tenant'], message: 'an alias is of a tier or of a tenant, not of both' })

type Wanted = z.output<typeof aliasEntry> & { readonly entry: Entry }
type Scope = { readonly tenantId: string | null; readonly tier: string | null }

/** What a file says of tiers and of aliases. */
@Injectable()
export class RightsPlan {
  constructor(
    private readonly tiers: TierAdminService,
    private readonly aliases: AliasAdminService,
    private readonly tenants: TenantAdminService,
    private readonly providers: ProvidersService,
  ) {}

  async tierSlugs(): Promise<Set<string>> {
    return new Set((await this.tiers.list({ limit: MOST_TIERS })).map((tier) => tier.slug))
  }

  /** Tiers and aliases as the file has them; tenants' own aliases are theirs. */
  async export(): Promise<{ tiers: object[]; aliases: object[] }> {
    const tiers = await this.tiers.list({ limit: MOST_TIERS })
    const scopes = [null, ...tiers.map((tier) => tier.slug)]
    const aliases = await Promise.all(scopes.map((tier) => this.aliases.list({ tenantId: null, tier })))
    return {
      tiers: tiers.map((tier) => {
        const { version: _version, created_at: _at, ...wire } = tierWire(tier)
        return wire
      }),
      aliases: aliases.flat().map(({ name, target, tier }) => ({ name, target, ...(tier === null ? {} : { tier }) })),
    }
  }

  async addTiers(draft: Draft, entries: readonly Entry[], regions: ReadonlySet<string>): Promise<void> {
    for (const entry of entries) {
      const current = typeof entry.value.slug === 'string' ? await this.tiers.find(entry.value.slug) : null
      const { version: _version, created_at: _createdAt, ...before } = current ? tierWire(current) : { version: 0, created_at: null }
      // What the file does not say stays as it is.
      const body = draft.parse(createTierBody, entry, { ...before, ...entry.value })
      if (!body || !draft.isFirst('tier', body.slug, entry)) continue
      const wanted = tierOf(body.slug, body)
      for (const region of body.regions) if (!regions.has(region)) draft.fault(entry, ['regions'], `names ${region}, which is not a region`)
      if (wanted.defaultModel !== null && !permits({ ...wanted, version: 0 }, wanted.defaultModel)) draft.fault(entry, ['default_model'], 'is not permitted by this tier')
      draft.made.tiers.add(body.slug)
      const { version: _v, created_at: _at, ...after } = tierWire({ ...wanted, version: 0, createdAt: new Date(0) })
      draft.compare('tier', body.slug, current && before, after, async () => void (await this.tiers.put(wanted, current)))
    }
  }

  async addAliases(draft: Draft, entries: readonly Entry[], tiers: ReadonlySet<string>): Promise<void> {
    const wanted = entries.flatMap((entry): Wanted[] => {
      const body = draft.parse(aliasEntry, entry)
      if (!body || !draft.isFirst(`alias of ${body.tenant ?? body.tier ?? 'the platform'}`, canonicalModel(body.name), entry)) return []
      return [{ ...body, name: canonicalModel(body.name), target: canonicalModel(body.target), entry }]
    })
    for (const alias of leadersFirst(wanted)) await this.addAlias(draft, alias, wanted, tiers)
  }

  private async addAlias(draft: Draft, { name, target, tier, tenant, entry }: Wanted, all: readonly Wanted[], tiers: ReadonlySet<string>): Promise<void> {
    if (tier && !tiers.has(tier) && !draft.made.tiers.has(tier)) return draft.fault(entry, ['tier'], `${tier} is not a tier`)
    const owner = tenant ? await this.tenants.get(tenant).catch(() => null) : null
    if (tenant && !owner && !draft.made.tenants.has(tenant)) return draft.fault(entry, ['tenant'], `${tenant} is not a tenant`)
    const scopeOf = async (): Promise<Scope> => ({ tenantId: tenant ? (await this.tenants.get(tenant)).id : null, tier: tier ?? null })
    const planned = {
      models: draft.made.models,
      aliases: (scope: Scope) => new Map(all.filter((other) => (other.tier ?? null) === scope.tier && (scope.tenantId === null ? !other.tenant : other.tenant === tenant)).map((other) => [other.name, other.target])),
    }
    const scope = { tenantId: owner?.id ?? (tenant ? NOT_THERE_YET : null), tier: tier ?? null }
    const tenantTier = (tenant && draft.made.tenants.get(tenant)?.tier) ?? owner?.tier ?? null
    const before = (await this.aliases.list(scope)).find((alias) => alias.name === name)
    // What is there already is not judged again: a shipped alias may wait for its model.
    if (before?.target === target) return
    const problem = await this.aliases.problemWith({ ...scope, name, target }, { tenantTier, providers: this.providers.known, planned })
    if (problem) return draft.fault(entry, [problem.path], `${problem.path === 'target' ? target : name} ${problem.message}`)
    const label = tenant ?? tier ? `${name} of ${tenant ?? tier}` : name
    draft.compare('alias', label, before ? { target: before.target } : null, { target }, async (by) => {
      await this.aliases.put(await scopeOf(), name, target, { tenantTier, providers: this.providers.known, changedBy: by })
    })
  }
}

/** An alias that others of the file lean on comes before them, since each is judged when it is written. */
function leadersFirst(wanted: readonly Wanted[]): Wanted[] {
  const waiting = [...wanted]
  const ordered: Wanted[] = []
  while (waiting.length > 0) {
    const ready = waiting.findIndex(({ target, name }) => !waiting.some((other) => other.name === target && other.name !== name))
    ordered.push(...waiting.splice(Math.max(0, ready), 1))
  }
  return ordered
}
