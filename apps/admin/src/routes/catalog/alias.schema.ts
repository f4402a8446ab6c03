import { z } from 'zod'
import { modelName, slug } from '../../fields.schema'

const aliasName = modelName.max(100)

export const aliasBody = z.strictObject({ name: aliasName, target: modelName }).meta({ id: 'AliasInput' })
export const scopedAliasBody = z.strictObject({ name: aliasName, target: modelName, tier: slug.nullable().optional() }).meta({ id: 'ScopedAliasInput' })
export const scopeQuery = z.strictObject({ tier: slug.optional() })

export type AliasBody = z.output<typeof aliasBody>
export type ScopedAliasBody = z.output<typeof scopedAliasBody>
export type ScopeQuery = z.output<typeof scopeQuery>
