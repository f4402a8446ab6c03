import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { ChangeNotices } from '@tollgate/platform/redis'
import { judgeFallbacks } from './domain/fallbacks'
import { statusOf, type ModelEntry, type ModelStatus } from './domain/model-entry'
import { EntryStore } from './entry.store'

/** What an operator may write of a catalogue entry. */
export type ModelFields = Partial<
  Pick<ModelEntry, 'displayName' | 'description' | 'version' | 'baseModel' | 'modelfile' | 'contextLength' | 'maxOutputTokens' | 'numCtx' | 'keepAlive' | 'mayRetryAmbiguous' | 'isFree' | 'showInUi' | 'autoPreload' | 'labels' | 'parameters' | 'prompt' | 'fallbacks' | 'mcpServers'>
>

/** The catalogue, for operators. Every change is told to every process. */
@Injectable()
export class ModelAdminService {
  constructor(
    private readonly store: EntryStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The whole catalogue with where each model stands, and the names of the hosts that hold it and take calls. */
  async withStatus(): Promise<{ entry: ModelEntry; status: ModelStatus; holders: string[] }[]> {
    const [entries, holders] = await Promise.all([this.store.list(), this.store.holders()])
    return entries.map((entry) => {
      const names = holders.get(entry.name) ?? []
      return { entry, status: statusOf(entry, names.length), holders: names }
    })
  }

  async find(name: string): Promise<ModelEntry | null> {
    return this.store.find(canonicalModel(name))
  }

  /** @throws RefusalError object_not_found, worded `Model X not found` */
  async get(name: string): Promise<ModelEntry> {
    const entry = await this.store.find(canonicalModel(name))
    if (!entry) throw new RefusalError(refuse('object_not_found', { object: 'Model', name }))
    return entry
  }

  /** Adds an entry no host holds yet, or that an operator wants to describe first. @throws RefusalError object_conflict, invalid_request */
  async add(name: string, fields: ModelFields): Promise<ModelEntry> {
    const now = new Date(this.clock.now())
    const canonical = canonicalModel(name)
    const entry: ModelEntry = {
      displayName: canonical,
      description: '',
      version: null,
      baseModel: null,
      modelfile: null,
      contextLength: null,
      maxOutputTokens: null,
      numCtx: null,
      keepAlive: null,
      mayRetryAmbiguous: false,
      isFree: false,
      showInUi: true,
      autoPreload: false,
      parameters: {},
      prompt: null,
      mcpServers: [],
      ...fields,
      labels: this.labelsAfter(fields.labels),
      fallbacks: await this.judgedFallbacks(canonical, fields.fallbacks ?? []),
      name: canonical,
      isContextSet: typeof fields.contextLength === 'number',
      capabilities: [],
      details: {},
      sizeBytes: null,
      origin: 'operator',
      pinnedDigest: null,
      currentVersion: null,
      createdAt: now,
      updatedAt: now,
    }
    try {
      await this.store.insert(entry)
    } catch (error) {
      if (violatedConstraint(error) === 'model_pk') throw new RefusalError(refuse('object_conflict', { object: 'Model', name: canonical }))
      throw error
    }
    await this.notices.publish({ topic: 'catalog' })
    return entry
  }

  /** Labels are merged, a null label is removed; other fields replace. A null context length lets hosts tell it again. */
  async change(entry: ModelEntry, { labels, fallbacks, ...fields }: Omit<ModelFields, 'labels'> & { labels?: Record<string, unknown> }): Promise<void> {
    const judged = fallbacks && { fallbacks: await this.judgedFallbacks(entry.name, fallbacks) }
    const context = fields.contextLength === undefined ? {} : { isContextSet: fields.contextLength !== null }
    await this.store.change(entry.name, { ...fields, ...context, ...judged, labels: this.labelsAfter(labels, entry.labels) })
    await this.notices.publish({ topic: 'catalog' })
  }

  /**
   * What is wrong with the fallbacks of a model that is to be written, or null. In canonical names.
   * @param planned lists that the same change is going to write, by model
   */
  async fallbackProblem(model: string, fallbacks: readonly string[], planned: ReadonlyMap<string, readonly string[]> = new Map()): Promise<{ path: string; message: string } | null> {
    const lists = new Map([...(await this.store.list()).map((entry) => [entry.name, entry.fallbacks] as const), ...planned])
    return judgeFallbacks(model, fallbacks, (name) => lists.get(name))
  }

  /** In canonical names. @throws RefusalError invalid_request, naming the one that will not do */
  private async judgedFallbacks(model: string, wanted: readonly string[]): Promise<string[]> {
    if (wanted.length === 0) return []
    const fallbacks = wanted.map(canonicalModel)
    const problem = await this.fallbackProblem(model, fallbacks)
    if (problem) throw new RefusalError(refuse('invalid_request', { reason: `${problem.path} ${problem.message}.` }, { details: { errors: [problem] } }))
    return fallbacks
  }

  /** Labels as they are after a change: a null takes its label away. */
  labelsAfter(change: Readonly<Record<string, unknown>> = {}, before: ModelEntry['labels'] = {}): ModelEntry['labels'] {
    return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null))
  }

  async remove(entry: ModelEntry): Promise<void> {
    await this.store.remove(entry.name)
    await this.notices.publish({ topic: 'catalog' })
  }

  /** Those of these models that cannot be served yet, because they have no price and are not marked free. */
  async withoutPrice(names: readonly string[]): Promise<string[]> {
    return this.store.withoutPrice(names)
  }
}
