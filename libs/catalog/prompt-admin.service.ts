import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { Prompt } from './domain/prompt'
import { PromptStore, type PromptVersion } from './prompt.store'

export type { PromptVersion } from './prompt.store'

/** What an operator writes; the version is ours to count. */
export type WantedPrompt = Omit<Prompt, 'version'>

/** Prompts, for operators. A change is a new version, and every process is told. */
@Injectable()
export class PromptAdminService {
  constructor(
    private readonly store: PromptStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The version in force of each. */
  async list(page: { after?: string; limit: number }): Promise<PromptVersion[]> {
    return this.store.inForce(page)
  }

  /** Every version, latest first. @throws RefusalError object_not_found, also for one that was removed */
  async versions(name: string): Promise<[PromptVersion, ...PromptVersion[]]> {
    const [current, ...older] = await this.store.versions(name)
    if (!current || current.isRemoved) throw missing(name)
    return [current, ...older]
  }

  /** Puts a version in force, if it says anything new. @throws RefusalError model_not_found; object_in_use when a model has another prompt */
  async put(wanted: WantedPrompt, createdBy: string): Promise<PromptVersion> {
    return this.write(wanted.name, wanted.models, (previous) => (previous && isSame(previous, wanted) ? previous : { ...wanted, version: (previous?.version ?? 0) + 1, isRemoved: false, createdBy, createdAt: new Date(this.clock.now()) }))
  }

  /** Its models hear it no more; its versions stay on record. @throws RefusalError object_not_found */
  async remove(name: string, createdBy: string): Promise<void> {
    await this.write(name, [], (previous) => (!previous || previous.isRemoved ? null : { ...previous, version: previous.version + 1, models: [], isRemoved: true, createdBy, createdAt: new Date(this.clock.now()) }))
  }

  private async write(name: string, models: readonly string[], next: (previous: PromptVersion | null) => PromptVersion | null): Promise<PromptVersion> {
    let isNew = false
    const written = await this.store.add(name, models, (previous) => {
      const row = next(previous)
      isNew = row !== previous
      return isNew ? row : null
    })
    if (written && 'unknown' in written) throw new RefusalError(refuse('model_not_found', { model: written.unknown }))
    if (written && 'taken' in written) throw new RefusalError(refuse('object_in_use', { object: 'Model', name: written.taken, reason: `it has the prompt ${written.by}; take it out of that one first` }))
    if (!written) return isNew ? reject(name) : (await this.versions(name))[0]
    await this.notices.publish({ topic: 'catalog' })
    return written
  }
}

function isSame(previous: PromptVersion, { text, merge, temperature, models }: WantedPrompt): boolean {
  return !previous.isRemoved && previous.text === text && previous.merge === merge && previous.temperature === temperature && JSON.stringify(previous.models) === JSON.stringify(models)
}

function reject(name: string): never {
  throw missing(name)
}

function missing(name: string): RefusalError {
  return new RefusalError(refuse('object_not_found', { object: 'Prompt', name }))
}
