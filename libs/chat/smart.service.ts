import { Inject, Injectable } from '@nestjs/common'
import { CatalogService, type ResolvedName } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { refuse, type Caller, type CallerProject, type ChatRequest, type Refusal } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { lowEstimatePromptTokens } from '@tollgate/pricing'
import { ProvidersService } from '@tollgate/providers'
import { matchRules, promptFeatures, TASK_TEMPERATURES, vocabularyOf } from '@tollgate/routing/rules'
import { chosenSet, RuleSetsService, settleChoice, type SelectionNote, type StandIn } from '@tollgate/selection'
import { permits, type Tier } from '@tollgate/tiers'
import { isNarrowed } from './narrowing'

/** What the rules may look at. Absent messages: as of a look-up that has none. */
export type SmartWish = Pick<ChatRequest, 'model'> & Partial<Pick<ChatRequest, 'messages' | 'language' | 'embedding' | 'parameters' | 'bodyBytes'>>

/** For whom a choice is made. */
export interface Standing {
  readonly caller: Caller
  readonly tier: Tier
  readonly project: CallerProject | null
  readonly allowedRegions: readonly string[]
}

/** A model chosen by rules; `temperature` is the preset of its task, where the caller gave none. */
export interface SmartChoice {
  readonly kind: 'chosen'
  readonly name: ResolvedName
  readonly note: SelectionNote
  readonly temperature: number | null
}

const DEFAULT = 'default'

/** `auto` and `auto:<rule set>` ask for a choice by rules; embeddings have none, since vectors of two models do not compare. */
export function ruleSetAsked({ model, embedding }: SmartWish): { readonly name: string | null } | null {
  const match = model === null || embedding ? null : /^auto(?::(.+))?$/.exec(model.trim())
  return match && { name: match[1] ?? null }
}

/** Chooses a model by a rule set, inside what the caller may use and some host can serve now (product.md 2.2). */
@Injectable()
export class SmartService {
  constructor(
    private readonly rules: RuleSetsService,
    private readonly catalog: CatalogService,
    private readonly hosts: HostsService,
    private readonly providers: ProvidersService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** @param ruleSet by name; null = the default one of the tenant or the operator */
  async choose(standing: Standing, ruleSet: string | null, wish: SmartWish): Promise<SmartChoice | { kind: 'refused'; refusal: Refusal }> {
    const { caller, project } = standing
    const sets = await this.rules.of(caller.tenant.id).catch(() => null)
    if (!sets) return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    const set = chosenSet(sets, ruleSet)
    if (!set && ruleSet !== null) return { kind: 'refused', refusal: noSuchSet(ruleSet, [...sets.keys()]) }
    const features = promptFeatures(wish.messages ?? [], { language: wish.language, project: project?.slug ?? null }, vocabularyOf(set ? [set] : []))
    const match = set ? matchRules(set, features) : { use: DEFAULT, rule: DEFAULT, because: 'there is no rule set' }
    const defaults = await this.defaults(standing)
    const wanted = match.use === DEFAULT ? defaults[0]?.target ?? null : await this.resolve(standing, match.use)
    const otherwise = set && set.otherwise.use !== DEFAULT ? await this.resolve(standing, set.otherwise.use) : null
    const standIns = [...(otherwise ? [{ target: otherwise, from: `the default of rule set ${set!.name}` }] : []), ...defaults, ...this.others()]
    const settled = settleChoice(match, wanted, standIns, (target) => this.obstacle(standing, wish, target))
    if (!settled) return { kind: 'refused', refusal: refuse('model_not_available', { model: wanted?.model ?? match.use }, { retryAfterSeconds: 5 }) }
    const isPreset = match.task !== undefined && wish.parameters?.temperature === undefined
    return { kind: 'chosen', name: settled.target, note: settled.note, temperature: isPreset ? TASK_TEMPERATURES[match.task] : null }
  }

  /** What the caller would get without naming a model, in the order of product.md 2.1. */
  private async defaults(standing: Standing): Promise<StandIn<ResolvedName>[]> {
    const { caller, tier, project } = standing
    const named: [string | null | undefined, string][] = [
      [project?.defaultModel, "the project's default"],
      [caller.tenant.preferredModel, "the tenant's preferred model"],
      [tier.defaultModel, `the default of the ${tier.slug} tier`],
      [this.config.OLLAMA_DEFAULT_MODEL ?? 'default', "the platform's default"],
    ]
    const found: StandIn<ResolvedName>[] = []
    for (const [name, from] of named) {
      const target = name ? await this.resolve(standing, name) : null
      if (target) found.push({ target, from })
    }
    return found
  }

  private others(): StandIn<ResolvedName>[] {
    const shown = this.catalog.models().filter((model) => model.showInUi)
    return shown.map(({ name }) => ({ target: { model: name, provider: null, steps: [`catalogue: ${name}`] }, from: 'the first model that can be used' }))
  }

  private async resolve({ caller, tier }: Standing, name: string): Promise<ResolvedName | null> {
    return this.catalog.resolve(name, caller.tenant.id, tier.slug, this.providers.known)
  }

  /** Why this caller cannot have a model for this prompt now. What decides a call's fate later (limits, price) is not asked here. */
  private obstacle({ caller, tier, project, allowedRegions }: Standing, wish: SmartWish, { model: name, provider }: ResolvedName): string | null {
    const model = this.catalog.model(name)
    if (!model) return `${name} is not in the catalogue`
    if (!permits(tier, name)) return `${name} is not available in ${tier.slug} tier`
    const narrowing = isNarrowed(caller, project, name)
    if (narrowing) return `${name} is not available for this ${narrowing === 'key' ? 'API key' : 'project'}`
    const isServed = this.hosts.candidates(name).some((one) => allowedRegions.includes(one.region) && (provider === null || one.provider === provider) && this.providers.adapterFor(one.provider))
    if (!isServed) return `${name} is on no live host in the allowed regions`
    const { isKnown, embedding, vision, tools } = model.capabilities
    const messages = wish.messages ?? []
    if (isKnown && embedding) return `${name} answers with vectors only`
    if (isKnown && !vision && messages.some(({ content }) => typeof content !== 'string' && content?.some(({ type }) => type === 'image_url'))) return `${name} takes no images`
    if (isKnown && !tools && Array.isArray(wish.parameters?.tools) && wish.parameters.tools.length > 0) return `${name} takes no tools`
    const context = model.contextLength
    return context !== null && (wish.bodyBytes ?? 0) >= context && lowEstimatePromptTokens(messages) >= context ? `the prompt is longer than the context of ${name}` : null
  }
}

function noSuchSet(name: string, known: readonly string[]): Refusal {
  return refuse('invalid_request', { reason: `there is no rule set '${name.slice(0, 100)}'. Use one of: ${known.join(', ')}.` }, { details: { param: 'model', rule_sets: known } })
}
