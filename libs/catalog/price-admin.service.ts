import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { PriceEntry } from './price.table'
import { TariffStore } from './tariff.store'

/** A price to be added: pico of `currency` per token (libs/kernel converts from per-million decimals). */
export type NewPrice = Pick<PriceEntry, 'model' | 'inputPico' | 'outputPico' | 'source'> & Partial<Omit<PriceEntry, 'id' | 'createdAt'>>

/** Tariff rows: added, never edited. Every new one is told to every process. */
@Injectable()
export class PriceAdminService {
  constructor(
    private readonly store: TariffStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Adds a row; without `effectiveAt` it is in force from now. */
  async add(wanted: NewPrice): Promise<PriceEntry> {
    const now = new Date(this.clock.now())
    const price: PriceEntry = {
      book: 'tariff',
      tenantId: null,
      provider: null,
      region: null,
      tier: null,
      currency: 'USD',
      cachedInputPico: null,
      cacheWritePico: null,
      reasoningPico: null,
      perRequestPico: 0n,
      gpuSecondPico: null,
      isFree: false,
      effectiveAt: now,
      ...wanted,
      model: canonicalModel(wanted.model),
      id: this.ids.uuid(),
      createdAt: now,
    }
    await this.store.addPrice(price)
    await this.notices.publish({ topic: 'catalog' })
    return price
  }

  /** In order of creation; superseded rows stay. */
  async list(page: { after?: string; limit: number; book?: PriceEntry['book']; model?: string; tenantId?: string }): Promise<PriceEntry[]> {
    return this.store.prices(page)
  }
}
