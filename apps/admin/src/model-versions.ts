import { Injectable } from '@nestjs/common'
import { ModelAdminService } from '@tollgate/catalog'
import { VersionAdminService } from '@tollgate/catalog/versions'
import type { HostJob } from '@tollgate/rollouts'
import { invalid } from './invalid'
import { ModelRollouts } from './model-rollouts'

/** What a rollback led to. `jobs` build what no host has any more. */
export interface Rollback {
  readonly model: string
  readonly version: number
  readonly pinnedDigest: string | null
  readonly jobs: readonly HostJob[]
}

/** Pins and rollbacks, walked from the catalogue to the hosts. */
@Injectable()
export class ModelVersions {
  constructor(
    private readonly models: ModelAdminService,
    private readonly versions: VersionAdminService,
    private readonly rollouts: ModelRollouts,
  ) {}

  /** The entry with its versions, the newest first, and what hosts hold. */
  async of(name: string) {
    const entry = await this.models.get(name)
    const [versions, holdings] = await Promise.all([this.versions.list(entry), this.versions.holdings(entry.name)])
    return { entry, versions, holdings }
  }

  /** Holds calls to one digest, or to none. @throws RefusalError when no host has it */
  async pin(name: string, digest: string | null): Promise<{ model: string; digest: string | null }> {
    const entry = await this.models.get(name)
    if (digest === null) {
      await this.versions.unpin(entry)
      return { model: entry.name, digest: null }
    }
    const pinned = await this.versions.pin(entry, digest)
    if (pinned === null) throw invalid({ path: 'digest', message: `is not the digest of weights that one of the hosts of ${entry.name} has; GET /admin/models/${encodeURIComponent(entry.name)}/versions tells them` })
    return { model: entry.name, digest: pinned }
  }

  /** @throws RefusalError when there is nothing to go back to */
  async rollBack(name: string, wanted: number | null): Promise<Rollback> {
    const entry = await this.models.get(name)
    const outcome = await this.versions.rollBack(entry, wanted)
    if (outcome.kind === 'absent') throw invalid({ path: 'version', message: `cannot be gone back to: ${outcome.reason}` })
    const { version } = outcome.version
    if (outcome.kind === 'restored') return { model: entry.name, version, pinnedDigest: outcome.pinnedDigest, jobs: [] }
    return { model: entry.name, version, pinnedDigest: null, jobs: await this.rollouts.create(entry.name, outcome.modelfile, {}) }
  }
}
