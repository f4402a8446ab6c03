import { Injectable } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { readConfig, writeConfig } from '@tollgate/operator-config'
import { configShape, type ConfigBody } from '../routes/config/config.schema'
import { configInvalid, Draft, type Step } from './draft'
import { HostPlan } from './host-plan'
import { ModelPlan } from './model-plan'
import { PricePlan } from './price-plan'
import { RightsPlan } from './rights-plan'
import { sectionsOf } from './sections'
import { TenantPlan } from './tenant-plan'

const SERVERS_ARE_READ_ELSEWHERE = 'mcp.servers are not stored: each gateway reads them from the file that its TOLLGATE_MCP_FILE names, when it starts'
const ROOT = { value: {}, path: [] }

/**
 * The operator's file, walked through the rooms. Everything is judged before anything is written. Writing is step by
 * step, since hosts are asked on the way; each step is whole, and a file that is applied again goes on where it stopped.
 */
@Injectable()
export class OperatorConfig {
  constructor(
    private readonly models: ModelPlan,
    private readonly hosts: HostPlan,
    private readonly rights: RightsPlan,
    private readonly prices: PricePlan,
    private readonly tenants: TenantPlan,
  ) {}

  /** What the file would change, in the order it would be made. @throws RefusalError config_invalid, with every fault at its line */
  async plan({ yaml, variables }: ConfigBody): Promise<readonly Step[]> {
    const read = readConfig(yaml, variables)
    if (read.kind === 'faulty') throw configInvalid(read.faults)
    const draft = new Draft(read.file)
    const shape = draft.parse(configShape, ROOT, read.file.root as object)
    if (!shape) return refuseAll(draft)
    const [regions, hosts, tiers] = await Promise.all([this.hosts.regions(), this.hosts.known(), this.rights.tierSlugs()])
    const sections = sectionsOf(draft, shape, { regions, hosts })
    await this.models.add(draft, sections.models)
    await this.models.addPrompts(draft, sections.prompts)
    await this.hosts.add(draft, sections.hosts, regions)
    await this.rights.addTiers(draft, sections.tiers, regions)
    await this.tenants.add(draft, sections.tenants, { regions, tiers })
    await this.rights.addAliases(draft, sections.aliases, tiers)
    await this.prices.add(draft, sections.prices, { regions, tiers, providers: this.hosts.knownProviders })
    draft.demandValid()
    return draft.steps
  }

  /** What is in force, as a file: applied again, it changes nothing. No secret is in it. */
  async export(): Promise<string> {
    const [models, prompts, hosts, { tiers, aliases }, prices, tenants] = await Promise.all([this.models.export(), this.models.exportPrompts(), this.hosts.export(), this.rights.export(), this.prices.export(), this.tenants.export()])
    return writeConfig({ tiers, models, prompts, aliases, hosts, prices, tenants })
  }

  /** Makes the changes. @param by account @throws RefusalError config_invalid (nothing was written), config_incomplete (which steps were made) */
  async apply(body: ConfigBody, by: string): Promise<{ steps: readonly Step[]; warnings: readonly string[] }> {
    const steps = await this.plan(body)
    // At the top of a valid file a key stands at the beginning of its line.
    const warnings: string[] = /^["']?mcp["']?\s*:/m.test(body.yaml) ? [SERVERS_ARE_READ_ELSEWHERE] : []
    for (const [done, step] of steps.entries()) {
      try {
        warnings.push(...((await step.run(by)) ?? []))
      } catch (error) {
        throw incomplete(error, steps, done)
      }
    }
    return { steps, warnings }
  }
}

function refuseAll(draft: Draft): never {
  throw configInvalid(draft.faults)
}

/** Only a refusal's own sentence is for others to read; a fault of ours keeps its status when nothing was written yet. */
function incomplete(error: unknown, steps: readonly Step[], done: number): unknown {
  const isRefusal = error instanceof RefusalError
  if (!isRefusal && done === 0) return error
  const { object, name } = steps[done]!
  const words = { done, count: steps.length, step: `${object} ${name}`, reason: isRefusal ? error.refusal.message : 'Something went wrong on our side.' }
  return new RefusalError(refuse('config_incomplete', words, { details: { made: steps.slice(0, done).map((step) => `${step.object} ${step.name}`) } }))
}
