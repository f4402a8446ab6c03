import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common'
import { isStorable } from '@tollgate/kernel'
import { invalid } from './invalid'

/**
 * Refuses text that Postgres does not hold, wherever it stands in a request: NUL, and half of a surrogate pair. Runs
 * before the schemas, so that such a text is a bad request and not a fault of ours.
 */
@Injectable()
export class StorableText implements PipeTransform {
  transform(value: unknown, { type, data }: ArgumentMetadata): unknown {
    const found = type === 'custom' ? null : pathOfOdd(value, data ? [data] : [])
    if (found) throw invalid({ path: found.join('.'), message: 'holds a character that cannot be stored (NUL, or half of a surrogate pair)' })
    return value
  }
}

/** Where the first such text is; bodies are bounded in depth and size by now (platform/http). */
function pathOfOdd(value: unknown, path: readonly string[]): readonly string[] | null {
  if (typeof value === 'string') return isStorable(value) ? null : path
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const found = pathOfOdd(key, path) ?? pathOfOdd(inner, [...path, key])
    if (found) return found
  }
  return null
}
