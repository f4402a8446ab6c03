import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { Prompt } from './domain/prompt'

/** A version of a prompt as stored. */
export type PromptVersion = Prompt & { readonly isRemoved: boolean; readonly createdBy: string; readonly createdAt: Date }

/** The highest version of each prompt. */
export const PROMPTS_IN_FORCE = '(SELECT DISTINCT ON (name) * FROM prompt ORDER BY name, version DESC)'

const COLUMNS = 'name, version, text, merge, temperature, models, is_removed AS "isRemoved", created_by AS "createdBy", created_at AS "createdAt"'

/** Prompts in Postgres, for the control plane. Gateways read them with their models (model.store.ts). */
@Injectable()
export class PromptStore {
  constructor(private readonly database: Database) {}

  /** The version in force of each prompt that was not removed, by name from after one. */
  async inForce(page: { after?: string; limit: number }): Promise<PromptVersion[]> {
    return this.database.query(`SELECT ${COLUMNS} FROM ${PROMPTS_IN_FORCE} p WHERE NOT is_removed AND name > $1 ORDER BY name LIMIT $2`, [page.after ?? '', page.limit])
  }

  /** Every version of a prompt, latest first. */
  async versions(name: string): Promise<PromptVersion[]> {
    return this.database.query(`SELECT ${COLUMNS} FROM prompt WHERE name = $1 ORDER BY version DESC`, [name])
  }

  /**
   * Adds the next version, which `next` makes of the one before. Writers wait for each other (advisory lock): so a model
   * never hears two prompts. Answers what stands in the way instead: a model that is not there, or has another prompt.
   */
  async add(name: string, models: readonly string[], next: (previous: PromptVersion | null) => PromptVersion | null): Promise<PromptVersion | { unknown: string } | { taken: string; by: string } | null> {
    return this.database.asPlatform(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('tollgate prompts', 0))`)
      const hurdle = await hurdleFor(tx, name, models)
      if (hurdle) return hurdle
      const [previous] = await tx.query<PromptVersion[]>(`SELECT ${COLUMNS} FROM prompt WHERE name = $1 ORDER BY version DESC LIMIT 1`, [name])
      const row = next(previous ?? null)
      if (row) await tx.query('INSERT INTO prompt (name, version, text, merge, temperature, models, is_removed, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [row.name, row.version, row.text, row.merge, row.temperature, row.models, row.isRemoved, row.createdBy, row.createdAt])
      return row
    })
  }
}

async function hurdleFor(tx: Tx, name: string, models: readonly string[]): Promise<{ unknown: string } | { taken: string; by: string } | null> {
  const [unknown] = await tx.query<{ unknown: string }[]>('SELECT wanted AS unknown FROM unnest($1::text[]) wanted WHERE NOT EXISTS (SELECT 1 FROM model WHERE model.name = wanted) LIMIT 1', [models])
  if (unknown) return unknown
  const [taken] = await tx.query<{ taken: string; by: string }[]>(`SELECT wanted AS taken, p.name AS by FROM unnest($2::text[]) wanted JOIN ${PROMPTS_IN_FORCE} p ON wanted = ANY (p.models) AND p.name <> $1 LIMIT 1`, [name, models])
  return taken ?? null
}
