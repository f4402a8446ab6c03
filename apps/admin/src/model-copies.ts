import { Injectable } from '@nestjs/common'
import { ModelAdminService } from '@tollgate/catalog'
import { RecipeService } from '@tollgate/catalog/modelfile'
import { CopiesService } from '@tollgate/rollouts'
import { invalid } from './invalid'
import { References } from './references'

/** How many hosts of a region are to hold a model, as a body has it. */
export interface WantedCopies {
  readonly region: string
  readonly copies: number
  readonly min_live?: number
}

/** Copies wanted of models, walked from the catalogue to the planner. */
@Injectable()
export class ModelCopies {
  constructor(
    private readonly models: ModelAdminService,
    private readonly recipes: RecipeService,
    private readonly copies: CopiesService,
    private readonly references: References,
  ) {}

  /** The model's name, and how each wish stands. */
  async of(name: string) {
    const { name: model } = await this.models.get(name)
    const wanted = [...new Set((await this.copies.wishes()).map((wish) => wish.model))]
    return { model, standings: await this.copies.standings(model, await this.recipes.of(wanted)) }
  }

  /** Replaces what is wanted. `min_live` left out is one less than the copies: one host at a time may be at work. */
  async set(name: string, wanted: readonly WantedCopies[]) {
    const { name: model } = await this.models.get(name)
    await this.references.demand({ regions: wanted.map(({ region }, index) => ({ path: `copies.${index}.region`, slugs: [region] })) })
    const wishes = wanted.map(({ region, copies, min_live: minLive }) => ({ region, copies, minLive: minLive ?? Math.max(0, copies - 1) }))
    for (const [index, { region, copies, minLive }] of wishes.entries()) {
      if (minLive > copies) throw invalid({ path: `copies.${index}.min_live`, message: `must be at most copies (${copies})` })
      if (wishes.findIndex((other) => other.region === region) < index) throw invalid({ path: `copies.${index}.region`, message: `names ${region} a second time` })
    }
    await this.copies.wish(model, wishes)
    return this.of(model)
  }
}
