import type { CatalogModel } from '@tollgate/catalog'
import { matchesAny, type Caller, type CallerProject } from '@tollgate/kernel'
import { permits, type Tier } from '@tollgate/tiers'

/** Key and project narrow the tier; which of them forbids a model, if any. Pure. */
export function isNarrowed(caller: Caller, project: CallerProject | null, model: string): 'key' | 'project' | null {
  if (caller.key.allowedModels && !matchesAny(caller.key.allowedModels, model)) return 'key'
  if (project?.allowedModels && !matchesAny(project.allowedModels, model)) return 'project'
  return null
}

/** Models that may stand in for one, in its entry's order: those this caller may have, under the tier it has. Pure. */
export function standIns(model: CatalogModel, find: (name: string) => CatalogModel | undefined, caller: Caller, tier: Tier, project: CallerProject | null): CatalogModel[] {
  return model.fallbacks.flatMap((name) => {
    const other = find(name)
    return other && permits(tier, other.name) && isNarrowed(caller, project, other.name) === null ? [other] : []
  })
}
