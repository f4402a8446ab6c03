import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { mintApiKey } from './domain/api-key'
import { KEY_SCOPES, type ApiKey, type Tenant } from './domain/tenant'
import { hashApiKey } from './key-hash'
import { KeyStore, type KeySpend } from './key.store'
import { ProjectStore } from './project.store'

/** Which pepper hashed a key; a second one is a later release's. */
const PEPPER_VERSION = 1

/** A key to be made. `project` is a slug of the tenant. Nulls mean "as the tier". */
export interface NewKey extends Partial<
  Pick<ApiKey, 'allowedModels' | 'allowedRegions' | 'rpmLimit' | 'tpmLimit' | 'maxParallelRequests' | 'maxBudgetPico' | 'softBudgetPico' | 'budgetDuration' | 'ipCidrs' | 'scopes' | 'expiresAt' | 'accountId'>
> {
  readonly name: string
  readonly project?: string | null
}

/** A key just made: the only moment its text exists. */
export interface IssuedKey {
  readonly key: string
  readonly record: ApiKey
}

/** API keys, for the control plane. Revocation reaches gateways through the caller's announcement (apps/admin). */
@Injectable()
export class KeyAdminService {
  constructor(
    private readonly store: KeyStore,
    private readonly projects: ProjectStore,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError project_not_found */
  async createKey(tenant: Pick<Tenant, 'id'>, { project, ...wanted }: NewKey): Promise<IssuedKey> {
    const bound = project == null ? null : await this.projects.bySlug(tenant.id, project)
    if (project != null && !bound) throw new RefusalError(refuse('project_not_found', { project }))
    const issued = this.issue({
      accountId: null,
      allowedModels: null,
      allowedRegions: null,
      rpmLimit: null,
      tpmLimit: null,
      maxParallelRequests: null,
      maxBudgetPico: null,
      softBudgetPico: null,
      budgetDuration: 'month',
      ipCidrs: null,
      scopes: KEY_SCOPES,
      expiresAt: null,
      ...wanted,
      tenantId: tenant.id,
      projectId: bound?.id ?? null,
    })
    await this.store.insert(tenant.id, issued.record)
    return issued
  }

  /** @throws RefusalError object_not_found, also for another tenant's key */
  async get(tenant: Pick<Tenant, 'id'>, id: string): Promise<ApiKey> {
    const key = await this.store.find(tenant.id, id)
    if (!key) throw new RefusalError(refuse('object_not_found', { object: 'API key', name: id }))
    return key
  }

  async list(tenant: Pick<Tenant, 'id'>, page: { after?: string; limit: number; accountId?: string }): Promise<ApiKey[]> {
    return this.store.list(tenant.id, page)
  }

  /** What these keys have cost; keys without usage are absent. */
  async spend(tenant: Pick<Tenant, 'id'>, keys: readonly ApiKey[]): Promise<Map<string, KeySpend>> {
    const spends = keys.length === 0 ? [] : await this.store.spend(tenant.id, keys.map((key) => key.id))
    return new Map(spends.map((spend) => [spend.keyId, spend]))
  }

  /**
   * Issues a key with the same rights and lets the old one end after the overlap.
   * @throws RefusalError object_in_use for a key that is revoked or expired: it has no rights to hand on
   */
  async rotate(tenant: Pick<Tenant, 'id'>, old: ApiKey, overlapSeconds: number): Promise<IssuedKey & { readonly oldEndsAt: Date }> {
    const nowMs = this.clock.now()
    if (old.revokedAt || (old.expiresAt && old.expiresAt.getTime() <= nowMs))
      throw new RefusalError(refuse('object_in_use', { object: 'API key', name: old.id, reason: 'it is revoked or expired. Create a new key.' }))
    const issued = this.issue(old)
    const overlapEndMs = nowMs + overlapSeconds * 1000
    const oldEndsAt = new Date(Math.min(overlapEndMs, old.expiresAt?.getTime() ?? overlapEndMs))
    await this.store.replace(tenant.id, old.id, oldEndsAt, issued.record)
    return { ...issued, oldEndsAt }
  }

  /** Marks the key revoked for ever; a second time changes nothing. */
  async revoke(tenant: Pick<Tenant, 'id'>, id: string): Promise<void> {
    await this.store.revoke(tenant.id, id, new Date(this.clock.now()))
  }

  private issue(rights: Omit<ApiKey, 'id' | 'publicId' | 'keyHash' | 'pepperVersion' | 'keyPrefix' | 'revokedAt' | 'lastUsedOn' | 'createdAt'>): IssuedKey {
    const { key, publicId, prefix } = mintApiKey('live', (length) => this.ids.bytes(length))
    const record: ApiKey = {
      ...rights,
      id: this.ids.uuid(),
      publicId,
      keyHash: hashApiKey(key, this.config.TOLLGATE_KEY_PEPPER),
      pepperVersion: PEPPER_VERSION,
      keyPrefix: prefix,
      revokedAt: null,
      lastUsedOn: null,
      createdAt: new Date(this.clock.now()),
    }
    return { key, record }
  }
}
