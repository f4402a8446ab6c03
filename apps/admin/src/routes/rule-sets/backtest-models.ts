import { Inject, Injectable } from '@nestjs/common'
import { CatalogService, type ResolvedName } from '@tollgate/catalog'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { costOf, priceInForce } from '@tollgate/pricing'
import { ProvidersService } from '@tollgate/providers'
import { matchRules, type RuleSet } from '@tollgate/routing/rules'
import { settleChoice, type StandIn } from '@tollgate/selection'
import type { PastCall } from '@tollgate/selection/traces'
import { permits, TierAdminService, type Tier } from '@tollgate/tiers'

type Tried = { readonly model: string; readonly costPico: bigint | null; readonly rule: string; readonly isReplaced: boolean }

const DEFAULT = 'default'

/**
 * Which model a past call would get under a rule set, and what that would cost at today's prices and with the tokens it
 * had: another model may count and write others. Aliases and tiers are those in force now; hosts are taken as they are.
 */
@Injectable()
export class BacktestModels {
  constructor(
    private readonly catalog: CatalogService,
    private readonly tiers: TierAdminService,
    private readonly providers: ProvidersService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Reads models, names and prices anew; answers a function that tries calls one by one. */
  async trial(set: RuleSet): Promise<(call: PastCall) => Promise<Tried>> {
    await this.catalog.refresh()
    const tiers = new Map<string, Tier | null>()
    return async (call) => {
      if (!tiers.has(call.tier)) tiers.set(call.tier, await this.tiers.find(call.tier))
      return this.try(set, call, tiers.get(call.tier) ?? null)
    }
  }

  private async try(set: RuleSet, call: PastCall, tier: Tier | null): Promise<Tried> {
    const match = matchRules(set, call.features)
    const resolve = async (name: string | null) => (name === null || name === DEFAULT ? null : this.catalog.resolve(name, call.tenantId, call.tier, this.providers.known))
    const defaultModel = await resolve(tier?.defaultModel ?? null)
    const wanted = match.use === DEFAULT ? defaultModel : await resolve(match.use)
    const otherwise = await resolve(set.otherwise.use)
    const standIns: StandIn<ResolvedName>[] = [otherwise, defaultModel].flatMap((target) => (target ? [{ target, from: 'a default' }] : []))
    const settled = settleChoice(match, wanted, standIns, ({ model }) => (tier && !permits(tier, model) ? `${model} is not available in ${tier.slug} tier` : null))
    // Nothing of the set can be used: the call would go where it went.
    const model = settled?.target.model ?? call.model
    return { model, costPico: await this.cost(call, model, settled?.target.provider ?? null), rule: match.rule, isReplaced: model !== wanted?.model }
  }

  private async cost(call: PastCall, model: string, provider: string | null): Promise<bigint | null> {
    if (this.catalog.model(model)?.isFree) return 0n
    const prices = await this.catalog.pricesOf(model, call.tenantId)
    const { tenantId, tier, region, currency } = call
    for (const one of new Set([provider ?? call.provider, ...this.providers.known])) {
      const price = priceInForce(prices, { model, provider: one, region, tier, tenantId, currency, atMs: this.clock.now() })
      if (price) return costOf({ promptTokens: call.promptTokens, completionTokens: call.completionTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'estimated' }, price, call.durationMs)
    }
    return null
  }
}
