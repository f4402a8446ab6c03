import { Inject, Injectable } from '@nestjs/common'
import { CatalogService, type CatalogModel, type ResolvedName } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { refuse, type Caller, type CallerProject, type ChatRequest, type Refusal } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ProvidersService } from '@tollgate/providers'
import type { SelectionNote } from '@tollgate/selection'
import { permits, TiersService, type Tier } from '@tollgate/tiers'
import { isNarrowed, standIns } from './narrowing'
import { ruleSetAsked, SmartService, type SmartWish } from './smart.service'

/** A permitted wish: which model, by which project, under which tier. */
export interface Selection {
  readonly kind: 'selected'
  readonly name: ResolvedName
  readonly requestedModel: string
  readonly model: CatalogModel
  readonly tier: Tier
  readonly project: CallerProject | null
  readonly allowedRegions: readonly string[]
  /** Set when rules chose the model. */
  readonly note: SelectionNote | null
  /** Preset of the rule's task; null = none, or the caller gave one. */
  readonly temperature: number | null
}

/** The alias that is the platform's default; OLLAMA_DEFAULT_MODEL, where a gateway has it, goes before. */
const PLATFORM_DEFAULT = 'default'

/** Words that mean "what I get without naming a model". `auto` asks for rules, but where there are none: embeddings. */
const CHOOSE = new Set(['', 'default'])

/** Which model a caller means, and whether it may have it: the first two steps of the corridor. */
@Injectable()
export class AccessService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly tiers: TiersService,
    private readonly hosts: HostsService,
    private readonly providers: ProvidersService,
    private readonly smart: SmartService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** Body → project default → tenant preferred → tier default → platform default; aliases resolve before access is checked. */
  async select(caller: Caller, request: Pick<ChatRequest, 'project' | 'allowedRegions'> & SmartWish): Promise<Selection | { kind: 'refused'; refusal: Refusal }> {
    const tier = this.tiers.get(caller.tenant.tier)
    const project = projectOf(caller, request.project)
    if (project === undefined) return { kind: 'refused', refusal: refuse('project_not_found', { project: request.project ?? '' }) }
    if (!(await this.catalog.knowsTenant(caller.tenant.id))) return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    const allowedRegions = narrowed(regionsOf(caller, tier), request.allowedRegions)
    const asked = ruleSetAsked(request)
    const choice = asked ? await this.smart.choose({ caller, tier, project, allowedRegions }, asked.name, request) : null
    if (choice?.kind === 'refused') return choice
    const requestedModel = choice ? choice.name.model : this.requestedModel(caller, request.model, project, tier)
    const name = choice?.name ?? await this.catalog.resolve(requestedModel, caller.tenant.id, tier.slug, this.providers.known)
    const model = name && this.catalog.model(name.model)
    if (!name || !model) {
      const details = { available_models: await this.availableNames(caller, tier, project) }
      const found = await this.catalog.follow(requestedModel, caller.tenant.id, tier.slug, this.providers.known)
      return { kind: 'refused', refusal: found.kind === 'broken' ? refuse('alias_broken', { alias: requestedModel, reason: found.why }, { details }) : refuse('model_not_found', { model: requestedModel }, { details }) }
    }
    const refusal = await this.forbid(caller, tier, project, model.name)
    if (refusal) return { kind: 'refused', refusal }
    return { kind: 'selected', name, requestedModel: request.model ?? requestedModel, model, tier, project, allowedRegions, note: choice?.note ?? null, temperature: choice?.temperature ?? null }
  }

  /** The same wish for models that may stand in, in order. They keep tier and regions; who named a provider gets no other. */
  standIns(caller: Caller, selection: Selection): Selection[] {
    if (selection.name.provider !== null || !this.config.ENABLE_FALLBACK) return []
    const models = standIns(selection.model, (name) => this.catalog.model(name), caller, selection.tier, selection.project)
    return models.map((model) => ({ ...selection, model, name: { ...selection.name, model: model.name } }))
  }

  /** Models this caller may use and some host in its regions holds now, by name. */
  available(caller: Caller): CatalogModel[] {
    const tier = this.tiers.get(caller.tenant.tier)
    return this.availableIn(caller, tier, projectOf(caller, null) ?? null)
  }

  /** Regions this caller's calls may go to. */
  regionsOf(caller: Caller): string[] {
    return regionsOf(caller, this.tiers.get(caller.tenant.tier))
  }

  /** What a call that names no project is measured by. */
  measuresOf(caller: Caller): { tier: Tier; project: CallerProject | null } {
    return { tier: this.tiers.get(caller.tenant.tier), project: projectOf(caller, null) ?? null }
  }

  private availableIn(caller: Caller, tier: Tier, project: CallerProject | null): CatalogModel[] {
    const regions = regionsOf(caller, tier)
    return this.catalog
      .models()
      .filter((model) => model.showInUi && permits(tier, model.name) && isNarrowed(caller, project, model.name) === null)
      .filter((model) => this.hosts.candidates(model.name).some((candidate) => regions.includes(candidate.region)))
  }

  private async availableNames(caller: Caller, tier: Tier, project: CallerProject | null): Promise<string[]> {
    return this.availableIn(caller, tier, project).map((model) => model.name)
  }

  private async forbid(caller: Caller, tier: Tier, project: CallerProject | null, model: string): Promise<Refusal | null> {
    if (!permits(tier, model)) {
      const details = { available_models: await this.availableNames(caller, tier, project), available_in: this.tiers.permitting(model) }
      return refuse('model_not_allowed', { model, tier: tier.slug }, { details })
    }
    if (isNarrowed(caller, project, model) === null) return null
    return refuse('model_not_allowed_for_key', { model }, { details: { available_models: await this.availableNames(caller, tier, project) } })
  }

  private requestedModel(caller: Caller, asked: string | null, project: CallerProject | null, tier: Tier): string {
    if (asked !== null && !CHOOSE.has(asked.trim()) && asked.trim() !== 'auto') return asked
    return project?.defaultModel ?? caller.tenant.preferredModel ?? tier.defaultModel ?? this.config.OLLAMA_DEFAULT_MODEL ?? PLATFORM_DEFAULT
  }
}

/** Regions a call may go to: the tenant's, narrowed by tier and key. */
export function regionsOf(caller: Caller, tier: Tier): string[] {
  return caller.tenant.allowedRegions.filter((region) => (tier.regions.length === 0 || tier.regions.includes(region)) && (caller.key.allowedRegions === null || caller.key.allowedRegions.includes(region)))
}

/** A call's own wish narrows, and never widens. */
function narrowed(regions: readonly string[], wish: readonly string[] | undefined): readonly string[] {
  return wish ? regions.filter((region) => wish.includes(region)) : regions
}

/** The project a call counts to: the named one, else the key's own; undefined = named, but not this tenant's or key's. */
function projectOf(caller: Caller, slug: string | null): CallerProject | null | undefined {
  const own = caller.projects.find((project) => project.id === caller.key.projectId) ?? null
  if (slug === null) return own
  if (own) return own.slug === slug ? own : undefined
  return caller.projects.find((project) => project.slug === slug)
}
