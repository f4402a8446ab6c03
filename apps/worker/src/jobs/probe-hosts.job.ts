import { Injectable } from '@nestjs/common'
import { CatalogService } from '@tollgate/catalog'
import { ProbeService } from '@tollgate/hosts'
import { canonicalModel } from '@tollgate/kernel'

/** Asks every host how it is and what it holds; new models enter the catalogue without a restart. */
@Injectable()
export class ProbeHostsJob {
  constructor(
    private readonly probes: ProbeService,
    private readonly catalog: CatalogService,
  ) {}

  async run(): Promise<void> {
    const results = await this.probes.probeAll()
    await this.catalog.register(results.flatMap(({ models }) => models.map((model) => ({ ...model, name: canonicalModel(model.upstreamName) }))))
  }
}
