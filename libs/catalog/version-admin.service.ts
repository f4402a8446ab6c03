import { Injectable } from '@nestjs/common'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { ModelEntry } from './domain/model-entry'
import { digestsOf, meantDigest, rollbackTarget, type Holding, type ModelVersion } from './domain/model-version'
import { VersionStore } from './version.store'

/**
 * How a rollback went. `restored`: in force everywhere; `unbuilt`: the definition is in force, but hosts must build it;
 * `absent`: there is no such version, or no host has its weights any more and nothing says how they are made.
 */
export type RolledBack =
  | { readonly kind: 'restored'; readonly version: ModelVersion; readonly pinnedDigest: string | null }
  | { readonly kind: 'unbuilt'; readonly version: ModelVersion; readonly modelfile: string }
  | { readonly kind: 'absent'; readonly reason: string }

/** Versions, pins and rollbacks, for operators. Gateways hear of a change at once, and read it anew every five seconds. */
@Injectable()
export class VersionAdminService {
  constructor(
    private readonly store: VersionStore,
    private readonly notices: ChangeNotices,
  ) {}

  /** Newest first. */
  async list(entry: Pick<ModelEntry, 'name'>): Promise<ModelVersion[]> {
    return this.store.list(entry.name)
  }

  /** What enabled hosts hold. @param model of this one only */
  async holdings(model?: string): Promise<Holding[]> {
    return this.store.holdings(model)
  }

  /** Holds calls to one digest, or to none. @returns the digest, null when it is held by no host (then nothing changed) */
  async pin(entry: Pick<ModelEntry, 'name'>, wanted: string): Promise<string | null> {
    const digest = meantDigest(wanted, await this.store.holdings(entry.name))
    if (digest !== null) await this.hold(entry.name, digest)
    return digest
  }

  async unpin(entry: Pick<ModelEntry, 'name'>): Promise<void> {
    await this.hold(entry.name, null)
  }

  /** Goes back to a version, or to the one before the current. Weights that a host still has are served at once. */
  async rollBack(entry: Pick<ModelEntry, 'name' | 'currentVersion' | 'pinnedDigest'>, wanted: number | null): Promise<RolledBack> {
    const [versions, holdings] = await Promise.all([this.store.list(entry.name), this.store.holdings(entry.name)])
    const version = rollbackTarget(versions, entry.currentVersion, wanted)
    if (!version) return { kind: 'absent', reason: wanted === null ? 'there is no version before the current one' : `there is no version ${wanted}` }
    const { digest, modelfile } = version
    const isHeld = digest !== null && holdings.some((holding) => holding.digest === digest || holding.kept.includes(digest))
    const mustBuild = !isHeld && (digest !== null || modelfile !== null)
    if (mustBuild && modelfile === null) return { kind: 'absent', reason: `no host has its weights (${digest!.slice(0, 12)}) any more, and no Modelfile says how they are made` }
    const isMixed = digestsOf(holdings).some((held) => held.digest !== digest)
    const pinnedDigest = isHeld && (isMixed || entry.pinnedDigest !== null) ? digest : null
    await this.store.restore(version, pinnedDigest)
    await this.tell()
    return mustBuild ? { kind: 'unbuilt', version, modelfile: modelfile! } : { kind: 'restored', version, pinnedDigest }
  }

  private async hold(model: string, digest: string | null): Promise<void> {
    await this.store.pin(model, digest)
    await this.tell()
  }

  /** Which hosts serve it follows from the pin, so both must be read anew. */
  private async tell(): Promise<void> {
    await this.notices.publish({ topic: 'catalog' })
    await this.notices.publish({ topic: 'hosts' })
  }
}
