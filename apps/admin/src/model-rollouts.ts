import { Inject, Injectable } from '@nestjs/common'
import { ModelAdminService } from '@tollgate/catalog'
import { createBody, readModelfile } from '@tollgate/catalog/modelfile'
import { canonicalModel, refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { preloadBody, RolloutAdminService, type HostJob, type JobHost, type WhereWanted } from '@tollgate/rollouts'
import { invalid, type Problem } from './invalid'

type ModelEntry = Awaited<ReturnType<ModelAdminService['get']>>

/** What operators want of models on hosts, walked from the catalogue to the jobs. */
@Injectable()
export class ModelRollouts {
  constructor(
    private readonly models: ModelAdminService,
    private readonly rollouts: RolloutAdminService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** Pulls a model onto hosts; one that the catalogue does not know is entered, so that its state can be seen. */
  async pull(name: string, where: WhereWanted): Promise<HostJob[]> {
    const hosts = await this.hostsFor(where)
    await this.entered(name)
    return this.rollouts.queue('pull', name, hosts, { model: name, stream: true })
  }

  /** Makes a model from a Modelfile, given now or kept from before, on hosts that hold what it is made from. */
  async create(name: string, text: string | undefined, where: WhereWanted): Promise<HostJob[]> {
    const known = await this.models.find(name)
    const modelfile = text ?? known?.modelfile ?? null
    if (modelfile === null) throw refused(name, [{ path: 'modelfile', message: 'is needed: no Modelfile is kept for this model' }])
    const reading = readModelfile(modelfile)
    if (reading.kind === 'faulty') throw refused(name, reading.faults.map(({ line, message }) => ({ path: 'modelfile', message: line === 0 ? message : `line ${line}: ${message}` })))
    const base = canonicalModel(reading.modelfile.from)
    if (base === canonicalModel(name)) throw refused(name, [{ path: 'modelfile', message: `FROM names ${base} itself` }])
    if (!(await this.models.find(base))) throw refused(name, [{ path: 'modelfile', message: `FROM names ${base}, which is not in the catalogue: pull it first` }])
    const isEverywhere = where.hosts === undefined && where.regions === undefined
    const hosts = await this.hostsFor(where, isEverywhere ? ({ models }) => models.includes(base) : undefined)
    if (hosts.length === 0) throw refused(name, [{ path: 'hosts', message: `no host holds ${base}: pull it first, or name the hosts` }])
    await this.models.change(await this.entered(name), { modelfile, baseModel: base })
    return this.rollouts.queue('create', name, hosts, { ...createBody(name, reading.modelfile), stream: true })
  }

  /** Loads a model into the memory of hosts that hold it, to stay there. */
  async preload(name: string, where: WhereWanted): Promise<HostJob[]> {
    const { name: model, numCtx } = await this.models.get(name)
    return this.rollouts.queue('preload', model, await this.holders(model, where), preloadBody(model, numCtx ?? this.config.OLLAMA_CONTEXT_LENGTH ?? null))
  }

  /** Deletes a model from the hosts that hold it. */
  async deleteFromHosts(name: string): Promise<HostJob[]> {
    const { name: model } = await this.models.get(name)
    return this.rollouts.queue('delete', model, await this.hostsFor({}, ({ models }) => models.includes(model)), { model })
  }

  /** Where a model stands while jobs change it: what hosts hold says the rest. */
  async stages(): Promise<ReadonlyMap<string, 'pulling' | 'creating' | 'failed'>> {
    const stages = new Map<string, 'pulling' | 'creating' | 'failed'>()
    for (const [model, { kind, state }] of await this.rollouts.latestByModel()) {
      if (kind !== 'pull' && kind !== 'create') continue
      if (state === 'queued' || state === 'running') stages.set(model, kind === 'pull' ? 'pulling' : 'creating')
      else if (state === 'failed') stages.set(model, 'failed')
    }
    return stages
  }

  private async holders(model: string, where: WhereWanted): Promise<JobHost[]> {
    const hosts = await this.hostsFor(where, ({ models }) => models.includes(model))
    if (hosts.length === 0) throw invalid({ path: 'hosts', message: `none of them holds ${model}` })
    return hosts
  }

  private async hostsFor(where: WhereWanted, isMeant: (host: JobHost) => boolean = () => true): Promise<JobHost[]> {
    const { chosen, unknown } = await this.rollouts.choose(where)
    const problems = unknown.map((name): Problem => ({ path: where.hosts?.includes(name) ? 'hosts' : 'regions', message: `names ${name}, where no enabled Ollama host is` }))
    if (chosen.length === 0 && problems.length === 0) problems.push({ path: 'hosts', message: 'there is no enabled Ollama host there' })
    if (problems.length > 0) throw invalid(...(problems as [Problem, ...Problem[]]))
    return chosen.filter(isMeant)
  }

  private async entered(name: string): Promise<ModelEntry> {
    return (await this.models.find(name)) ?? this.models.add(name, {})
  }
}

function refused(model: string, errors: readonly Problem[]): RefusalError {
  const [first] = errors
  return new RefusalError(refuse('model_create_failed', { model, reason: `${first!.message}${errors.length > 1 ? ` and ${errors.length - 1} more` : ''}.` }, { details: { errors } }))
}
