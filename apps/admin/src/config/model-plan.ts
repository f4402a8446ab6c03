import { Injectable } from '@nestjs/common'
import { ModelAdminService } from '@tollgate/catalog'
import { PromptAdminService, type PromptVersion, type WantedPrompt } from '@tollgate/catalog/prompts'
import { canonicalModel } from '@tollgate/kernel'
import { differences, type Entry } from '@tollgate/operator-config'
import { addModelBody } from '../routes/catalog/model.schema'
import { modelFields, modelWire } from '../routes/catalog/model.wire'
import { promptBody, promptOf } from '../routes/prompts/prompt.schema'
import type { Draft } from './draft'

const MOST_PROMPTS = 100_000

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
    const all = new Set(entries.map(({ value }) => canonicalModel(String(value.name))))
    for (const entry of entries) {
      const body = draft.parse(addModelBody, entry)
      if (!body || !draft.isFirst('model', canonicalModel(body.name), entry)) continue
      const name = canonicalModel(body.name)
      const fields = modelFields(body)
      draft.made.models.add(name)
      for (const other of body.fallbacks ?? []) if (!all.has(canonicalModel(other)) && !(await this.models.find(other))) draft.fault(entry, ['fallbacks'], `names ${other}, which is not a model`)
      const known = await this.models.find(name)
      if (!known) draft.compare('model', name, null, { ...body, name }, async () => void (await this.models.add(name, fields)))
      else draft.compare('model', name, wireOf(known), wireOf({ ...known, ...fields, labels: { ...known.labels, ...fields.labels } }), () => this.models.change(known, fields))
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
    // A prompt that gives a model up goes before the one that takes it.
    const grows = ({ prompt, before }: (typeof wanted)[number]) => prompt.models.length - (before?.models.length ?? 0)
    for (const { prompt, before } of [...wanted].sort((a, b) => grows(a) - grows(b))) draft.compare('prompt', prompt.name, before ? promptWire(before) : null, promptWire(prompt), async (by) => void (await this.prompts.put(prompt, by)))
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

function promptWire({ text, merge, temperature, models }: WantedPrompt) {
  return { text, merge, temperature, models: [...models].sort() }
}

type ModelEntry = Awaited<ReturnType<ModelAdminService['get']>>

/** What hosts and jobs say of a model, or what has a command of its own. */
const NOT_SAID = new Set(['name', 'modelfile', 'size', 'origin', 'hosts', 'status', 'current_version', 'pinned_digest', 'digests', 'drift', 'created_at', 'last_updated'])

/** What an operator says of a model. Flags are among the labels. */
function wireOf(entry: ModelEntry): Record<string, unknown> {
  const wire = modelWire({ entry, status: '', holders: [], holdings: [] })
  return Object.fromEntries(Object.entries(wire).filter(([field]) => !NOT_SAID.has(field) && !(field in entry.labels)))
}
