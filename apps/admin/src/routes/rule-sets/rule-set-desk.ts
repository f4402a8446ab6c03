import { Injectable } from '@nestjs/common'
import { AliasAdminService } from '@tollgate/catalog'
import { ProvidersService } from '@tollgate/providers'
import { RuleSetAdminService, ruleProblems } from '@tollgate/selection'
import type { Principal } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { invalid, type Problem } from '../../invalid'
import type { Page } from '../../paging'
import { ruleSetName, type RuleSetBody } from './rule-set.schema'
import { ruleSetWire, type ruleSetReply } from './rule-set.wire'

/** Whose rule sets: the operator's (both null), or a tenant's, whose names may lean on its tier's. */
export interface RuleScope {
  readonly tenantId: string | null
  readonly tier: string | null
}

/** Rule sets of either scope, with the names in them checked against models and aliases. */
@Injectable()
export class RuleSetDesk {
  constructor(
    private readonly sets: RuleSetAdminService,
    private readonly aliases: AliasAdminService,
    private readonly providers: ProvidersService,
  ) {}

  async list(scope: RuleScope): Promise<Page<z.output<typeof ruleSetReply>>> {
    const leads = await this.leads(scope)
    return { data: (await this.sets.list(scope.tenantId)).map((set) => ruleSetWire(set, leads)), has_more: false, next: null }
  }

  async one(scope: RuleScope, name: string) {
    return ruleSetWire(await this.sets.get(scope.tenantId, name), await this.leads(scope))
  }

  /** @throws RefusalError invalid_request naming every rule whose target leads nowhere */
  async put(scope: RuleScope, name: string, body: RuleSetBody, who: Principal) {
    if (!ruleSetName.safeParse(name).success) throw invalid({ path: 'name', message: 'must be 1 to 63 of a-z, 0-9, "-" and "_", beginning with a letter or digit' })
    const leads = await this.demand(scope, { rules: body.rules, otherwise: body.default })
    const set = await this.sets.put({ tenantId: scope.tenantId, name, description: body.description, isDefault: body.is_default, rules: body.rules, otherwise: body.default, changedBy: who.accountId })
    return ruleSetWire(set, leads)
  }

  async remove(scope: RuleScope, name: string): Promise<void> {
    await this.sets.remove(scope.tenantId, name)
  }

  /** @throws RefusalError invalid_request naming every rule whose target leads nowhere; answers what leads somewhere */
  async demand(scope: RuleScope, set: Parameters<typeof ruleProblems>[0]): Promise<(name: string) => boolean> {
    const leads = await this.leads(scope)
    const problems: Problem[] = ruleProblems(set, leads)
    if (problems.length > 0) throw invalid(...(problems as [Problem, ...Problem[]]))
    return leads
  }

  private async leads(scope: RuleScope): Promise<(name: string) => boolean> {
    const book = await this.aliases.book(scope, this.providers.known)
    return (name) => book.follow(name).kind === 'model'
  }
}
