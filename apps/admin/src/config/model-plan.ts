import { Injectable } from '@nestjs/common'
import { ModelAdminService } from '@tollgate/catalog'
import { PromptAdminService, type PromptVersion, type WantedPrompt } from '@tollgate/catalog/prompts'
import { canonicalModel } from '@tollgate/kernel'
import { differences, type Entry } from '@tollgate/operator-config'
import { addModelBody, type AddModelBody } from '../routes/catalog/model.schema'
import { modelFields, modelWire } from '../routes/catalog/model.wire'
import { promptBody, promptOf } from '../routes/prompts/prompt.schema'
import type { Draft } from './draft'

const MOST_PROMPTS = 100_000

/** A model as the file has it. */
interface WantedModel {
  readonly name: string
  readonly body: AddModelBody
  readonly fields: ReturnType<typeof modelFields>
  readonly known: ModelEntry | null
  /** As they are going to be. */
  readonly fallbacks: readonly string[]
  readonly entry: Entry
}

/** What a file says of catalogue entries and of the prompts that models are given. */
@Injectable()
export class ModelPlan {
  constructor(
    private readonly models: ModelAdminService,
    private readonly prompts: PromptAdminService,
  ) {}

  /** The catalogue as the file has it; what a host tells by itself is left out. */
  async export(): Promise<object[]> {
    const blank = { description: '', is_free: false, show_in_ui: true, auto_preload: false }
    return (await this.models.withStatus()).map(({ entry }) => {
      // Told by the hosts, unless the operator said it; a file may say it again.
      const { context_length: _context, max_output_tokens: _most, ...said } = wireOf(entry)
      return { name: entry.name, ...Object.fromEntries(differences({ ...blank, display_name: entry.name }, said).map(({ field, to }) => [field, to]).filter(([, to]) => Object.keys(Object(to)).length > 0 || typeof to !== 'object')) }
    })
  }

  async add(draft: Draft, entries: readonly Entry[]): Promise<void> {
    const wanted = new Map<string, WantedModel>()
    for (const entry of entries) {
      const body = draft.parse(addModelBody, entry)
      if (!body || !draft.isFirst('model', canonicalModel(body.name), entry)) continue
      const name = canonicalModel(body.name)
      const known = await this.models.find(name)
      const said = modelFields(body)
      const fields = said.fallbacks ? { ...said, fallbacks: said.fallbacks.map(canonicalModel) } : said
      draft.made.models.add(name)
      wanted.set(name, { name, body, fields, known, fallbacks: fields.fallbacks ?? known?.fallbacks ?? [], entry })
    }
    const lists = new Map([...wanted.values()].map(({ name, fallbacks }) => [name, fallbacks]))
    for (const { name, body, fields, known, fallbacks, entry } of standInsFirst(wanted)) {
      const problem = fields.fallbacks ? await this.models.fallbackProblem(name, fallbacks, lists) : null
      if (problem) draft.fault(entry, problem.path.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part)), problem.message)
      if (!known) draft.compare('model', name, null, { ...body, name }, async () => void (await this.models.add(name, fields)))
      else draft.compare('model', name, wireOf(known), wireOf({ ...known, ...fields, labels: this.models.labelsAfter(fields.labels, known.labels) }), () => this.models.change(known, fields))
    }
  }

  /** Prompts as the file has them. */
  async exportPrompts(): Promise<object[]> {
    return (await this.prompts.list({ limit: MOST_PROMPTS })).map((prompt) => ({ name: prompt.name, ...promptWire(prompt) }))
  }

  /** @param entries with the models of the file that name each; those a prompt has already stay, unless it lists its own */
  async addPrompts(draft: Draft, entries: readonly (Entry & { readonly heardBy: readonly string[] })[]): Promise<void> {
    const known = new Map((await this.prompts.list({ limit: MOST_PROMPTS })).map((prompt) => [prompt.name, prompt]))
    const wanted: { prompt: WantedPrompt; before: PromptVersion | undefined; entry: Entry }[] = []
    for (const entry of entries) {
      const { name, ...value } = entry.value as { name: string; models?: string[] }
      const before = known.get(name)
      const models = [...new Set([...(value.models ?? before?.models ?? []), ...entry.heardBy].map(canonicalModel))].sort()
      const body = draft.parse(promptBody, entry, { ...(before && promptWire(before)), ...Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)), models })
      if (!body || !draft.isFirst('prompt', name, entry)) continue
      for (const model of body.models) if (!draft.made.models.has(model) && !(await this.models.find(model))) draft.fault(entry, ['models'], `names ${model}, which is not a model`)
      wanted.push({ prompt: promptOf(name, body), before, entry })
    }
    this.judgePrompts(draft, wanted, [...known.values()])
    const written = new Set<string>()
    // One that gives models up goes before those that take them, which spares it a version.
    const grows = ({ prompt, before }: (typeof wanted)[number]) => prompt.models.length - (before?.models.length ?? 0)
    for (const { prompt, before } of [...wanted].sort((a, b) => grows(a) - grows(b))) {
      draft.compare('prompt', prompt.name, before ? promptWire(before) : null, promptWire(prompt), async (by) => {
        // Two may change places: one that still has a model of this one gives up what it will not keep.
        for (const { before: other, prompt: after } of wanted) {
          if (!other || written.has(after.name) || after.name === prompt.name || !other.models.some((model) => prompt.models.includes(model))) continue
          await this.prompts.put({ ...wantedOf(other), models: other.models.filter((model) => after.models.includes(model)) }, by)
        }
        await this.prompts.put(prompt, by)
        written.add(prompt.name)
      })
    }
  }

  /** A model hears one named prompt at most. */
  private judgePrompts(draft: Draft, wanted: readonly { prompt: WantedPrompt; entry: Entry }[], known: readonly PromptVersion[]): void {
    const kept = known.filter(({ name }) => !wanted.some(({ prompt }) => prompt.name === name))
    for (const { prompt, entry } of wanted) {
      const others = [...kept, ...wanted.map((other) => other.prompt)].filter(({ name }) => name !== prompt.name)
      for (const model of prompt.models) {
        const other = others.find(({ models }) => models.includes(model))
        if (other) draft.fault(entry, [], `${model} has the prompt ${other.name} as well, and a model hears one`)
      }
    }
  }
}

/** A model comes after those that may stand in for it, since each is judged when it is written. */
function standInsFirst(wanted: ReadonlyMap<string, WantedModel>): Iterable<WantedModel> {
  const [seen, ordered] = [new Set<WantedModel>(), new Set<WantedModel>()]
  const visit = (model: WantedModel | undefined): void => {
    if (!model || seen.has(model)) return
    seen.add(model)
    for (const name of model.fallbacks) visit(wanted.get(name))
    ordered.add(model)
  }
  for (const model of wanted.values()) visit(model)
  return ordered
}

/** A version as it would be written again. */
function wantedOf({ name, text, merge, temperature, models }: PromptVersion): WantedPrompt {
  return { name, text, merge, temperature, models }
}

function promptWire({ text, merge, temperature, models }: WantedPrompt) {
  return { text, merge, temperature, models: [...models].sort() }
}

type ModelEntry = Awaited<ReturnType<ModelAdminService['get']>>

/** What hosts and jobs say of a model, or what has a command of its own. */
const NOT_SAID = new Set(['name', 'modelfile', 'size', 'origin', 'hosts', 'status', 'current_version', 'pinned_digest', 'digests', 'drift', 'created_at', 'last_updated'])

/** What an operator says of a model. Flags are among the labels. */
function wireOf(entry: ModelEntry): Record<string, unknown> {
  const wire = modelWire({ entry, status: 'missing', holders: [], holdings: [] })
  return Object.fromEntries(Object.entries(wire).filter(([field]) => !NOT_SAID.has(field) && !(field in entry.labels)))
}
