import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { bucketOf, type Tenant } from './domain/tenant'
import { TenantStore, type TenantChanges } from './tenant.store'

/** A tenant to be made; what is left out gets the default of migration 0003. */
export type NewTenant = Pick<Tenant, 'slug' | 'name' | 'tier' | 'homeRegion'> &
  Partial<Pick<Tenant, 'allowedRegions' | 'preferredModel' | 'currency' | 'timeZone' | 'billing' | 'maxBudgetPico' | 'softBudgetPico' | 'budgetDuration' | 'replaysAnswers'>>

/**
 * Tenants, for operators. It writes Postgres only: whoever changes a tenant that gateways know must announce it
 * (apps/admin does). Refusals are thrown, since every caller is a route or seeding.
 */
@Injectable()
export class TenantAdminService {
  constructor(
    private readonly store: TenantStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError object_conflict for a taken slug, invalid_request for a region that does not exist */
  async createTenant(wanted: NewTenant): Promise<Tenant> {
    const id = this.ids.uuid()
    const now = new Date(this.clock.now())
    const tenant: Tenant = {
      allowedRegions: [wanted.homeRegion],
      preferredModel: null,
      currency: 'USD',
      timeZone: 'UTC',
      billing: 'postpaid',
      maxBudgetPico: null,
      softBudgetPico: null,
      budgetDuration: 'month',
      replaysAnswers: false,
      ...wanted,
      id,
      formerZones: [],
      bucket: bucketOf(id),
      authEpoch: 1,
      isSuspended: false,
      createdAt: now,
      updatedAt: now,
    }
    await this.store.insert(tenant).catch((error: unknown) => rethrow(error, wanted.slug))
    return tenant
  }

  /** @throws RefusalError object_not_found */
  async get(slug: string): Promise<Tenant> {
    const tenant = await this.store.bySlug(slug)
    if (!tenant) throw notFound(slug)
    return tenant
  }

  async list(page: { after?: string; limit: number }): Promise<Tenant[]> {
    return this.store.list(page)
  }

  /** Writes the changes and raises the epoch, which the answer carries. Empty changes only raise it. */
  async change(tenant: Pick<Tenant, 'id' | 'slug'>, changes: TenantChanges): Promise<Tenant> {
    const changed = await this.store.change(tenant.id, changes).catch((error: unknown) => rethrow(error, tenant.slug))
    if (!changed) throw notFound(tenant.slug)
    return changed
  }

  /** @throws RefusalError object_in_use once anything was used or paid: the books are kept */
  async remove(tenant: Pick<Tenant, 'id' | 'slug'>): Promise<void> {
    if (await this.store.hasBooks(tenant.id)) throw new RefusalError(refuse('object_in_use', { object: 'Tenant', name: tenant.slug, reason: 'it has usage or credit on record. Suspend it instead.' }))
    await this.store.remove(tenant.id)
  }
}

function notFound(slug: string): RefusalError {
  return new RefusalError(refuse('object_not_found', { object: 'Tenant', name: slug }))
}

function rethrow(error: unknown, slug: string): never {
  const constraint = violatedConstraint(error)
  if (constraint === 'tenant_slug_key') throw new RefusalError(refuse('object_conflict', { object: 'Tenant', name: slug }))
  if (constraint === 'tenant_home_region_fk') throw invalid('home_region', 'is not a region')
  if (constraint === 'tenant_home_is_allowed') throw invalid('allowed_regions', 'must contain the home region')
  throw error
}

function invalid(path: string, message: string): RefusalError {
  return new RefusalError(refuse('invalid_request', { reason: `${path} ${message}.` }, { details: { errors: [{ path, message }] } }))
}
