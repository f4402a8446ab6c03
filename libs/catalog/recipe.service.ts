import { Injectable } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { createBody, readModelfile } from './domain/modelfile'

/** How a copy of a model comes to be: made from a base by its Modelfile, or pulled. `stale`: digests of what it was made from before. */
export interface ModelRecipe {
  readonly model: string
  readonly base: string | null
  readonly body: Readonly<Record<string, unknown>>
  readonly sizeBytes: number | null
  readonly stale: readonly string[]
}

interface RecipeRow {
  readonly name: string
  readonly modelfile: string | null
  readonly sizeBytes: number | null
  readonly stale: string[]
}

/** Tells how models are made, for whoever has hosts make them. */
@Injectable()
export class RecipeService {
  constructor(private readonly database: Database) {}

  /** Recipes of these models and of what they are made from. An unknown model, and one whose Modelfile is faulty, has none. */
  async of(models: readonly string[]): Promise<ModelRecipe[]> {
    const recipes = (await this.rows(models)).flatMap(recipeOf)
    const bases = recipes.flatMap(({ base }) => (base === null || models.includes(base) ? [] : [base]))
    return [...recipes, ...(await this.rows(bases)).flatMap(recipeOf)]
  }

  /** A digest is stale when no version with the definition of now has it. */
  private async rows(models: readonly string[]): Promise<RecipeRow[]> {
    if (models.length === 0) return []
    return this.database.query<RecipeRow>(
      `SELECT m.name, m.modelfile, m.size_bytes::float8 AS "sizeBytes",
         ARRAY(SELECT v.digest FROM model_version v WHERE v.model = m.name AND v.digest IS NOT NULL GROUP BY v.digest HAVING NOT bool_or(v.modelfile IS NOT DISTINCT FROM m.modelfile)) AS stale
       FROM model m WHERE m.name = ANY ($1)`,
      [models],
    )
  }
}

function recipeOf({ name, modelfile, ...row }: RecipeRow): ModelRecipe[] {
  if (modelfile === null) return [{ ...row, model: name, base: null, body: { model: name, stream: true } }]
  const reading = readModelfile(modelfile)
  if (reading.kind === 'faulty') return []
  return [{ ...row, model: name, base: canonicalModel(reading.modelfile.from), body: { ...createBody(name, reading.modelfile), stream: true } }]
}
