import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common'
import { isUuid, refuse, RefusalError } from '@tollgate/kernel'
import { KeyAdminService, TenantAdminService } from '@tollgate/tenants'
import { holds, type ApiKey, type Tenant } from '@tollgate/tenants/domain'
import { Permit, type Principal } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { pageReply } from '@tollgate/platform/json-schema'
import { Announcements } from '../../announcements'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { References } from '../../references'
import { SignedIn } from '../../signed-in'
import { createKeyBody, rotateKeyBody, type CreateKeyBody, type RotateKeyBody } from './key.schema'
import { issuedKeyReply, keyFields, keyReply, keyWire, rotatedKeyReply } from './key.wire'

/** API keys of a tenant. Who holds `keys:own` only sees and changes the keys they made; others answer 404. */
@Controller('admin/tenants/:tenant/keys')
export class KeysController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly keys: KeyAdminService,
    private readonly references: References,
    private readonly announcements: Announcements,
  ) {}

  @Permit('keys:read', 'keys:own')
  @Answers(pageReply(keyReply))
  @Get()
  async list(@SignedIn() who: Principal, @Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    const tenant = await this.tenants.get(slug)
    const accountId = holds(who.role, 'keys:read') ? undefined : who.accountId
    const page = await pageOf(query, (range) => this.keys.list(tenant, { ...range, accountId }), (key) => key.id, (key) => key)
    const spend = await this.keys.spend(tenant, page.data)
    return { ...page, data: page.data.map((key) => keyWire(key, spend.get(key.id))) }
  }

  /** The only reply that ever holds the key. */
  @Permit('keys:write', 'keys:own')
  @Answers(issuedKeyReply)
  @Post()
  async create(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: createKeyBody }) body: CreateKeyBody): Promise<z.output<typeof issuedKeyReply>> {
    const tenant = await this.tenants.get(slug)
    await this.references.demand({ regions: [{ path: 'allowed_regions', slugs: body.allowed_regions ?? [] }] })
    const { key, record } = await this.keys.createKey(tenant, { ...keyFields(body), accountId: who.accountId })
    return { ...keyWire(record, undefined), key }
  }

  @Permit('keys:read', 'keys:own')
  @Answers(keyReply)
  @Get(':key')
  async one(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('key') id: string) {
    const tenant = await this.tenants.get(slug)
    const key = await this.find(who, tenant, id, 'keys:read')
    return keyWire(key, (await this.keys.spend(tenant, [key])).get(key.id))
  }

  /** A new key with the same rights; the old one ends after the overlap. */
  @Permit('keys:write', 'keys:own')
  @Answers(rotatedKeyReply)
  @Post(':key/rotate')
  async rotate(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('key') id: string, @Body({ schema: rotateKeyBody }) body: RotateKeyBody): Promise<z.output<typeof rotatedKeyReply>> {
    const tenant = await this.tenants.get(slug)
    const old = await this.find(who, tenant, id, 'keys:write')
    const { key, record, oldEndsAt } = await this.keys.rotate(tenant, old, body.overlap_seconds)
    await this.announcements.tenantChanged(await this.tenants.change(tenant, {}))
    return { ...keyWire(record, undefined), key, replaces: { id: old.id, expires_at: oldEndsAt } }
  }

  /** Revokes: the next admission on any gateway refuses the key. May be repeated. */
  @Permit('keys:write', 'keys:own')
  @Delete(':key')
  @HttpCode(204)
  async revoke(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('key') id: string): Promise<void> {
    const tenant = await this.tenants.get(slug)
    const key = await this.find(who, tenant, id, 'keys:write')
    await this.keys.revoke(tenant, key.id)
    await this.announcements.keyRevoked(tenant, key.id)
  }

  private async find(who: Principal, tenant: Tenant, id: string, permission: 'keys:read' | 'keys:write'): Promise<ApiKey> {
    const absent = new RefusalError(refuse('object_not_found', { object: 'API key', name: id }))
    if (!isUuid(id)) throw absent
    const key = await this.keys.get(tenant, id)
    if (!holds(who.role, permission) && key.accountId !== who.accountId) throw absent
    return key
  }
}
