import { Injectable } from '@nestjs/common'
import { RecipeService } from '@tollgate/catalog/modelfile'
import { CopiesService } from '@tollgate/rollouts'

/** Moves the fleet towards the copies that operators want of models, a step at a time. */
@Injectable()
export class KeepCopiesJob {
  constructor(
    private readonly copies: CopiesService,
    private readonly recipes: RecipeService,
  ) {}

  async run(): Promise<void> {
    await this.copies.advance((models) => this.recipes.of(models))
  }
}
