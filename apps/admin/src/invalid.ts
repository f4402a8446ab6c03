import { refuse, RefusalError } from '@tollgate/kernel'

/** One thing that is wrong with a request: where, as `a.b.0`, and what. */
export interface Problem {
  readonly path: string
  readonly message: string
}

/** A zod issue as far as it is read here; Standard Schema promises path and message only. */
interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[]
  readonly code?: string
  readonly keys?: readonly string[]
}

/** A bad request that names every problem (product.md 3.1). */
export function invalid(...problems: [Problem, ...Problem[]]): RefusalError {
  const [first] = problems
  const more = problems.length > 1 ? ` and ${problems.length - 1} more` : ''
  return new RefusalError(refuse('invalid_request', { reason: `${first.path ? `${first.path} ` : ''}${first.message}${more}.` }, { details: { errors: problems } }))
}

/** Issues of a schema as a bad request; an unknown key is a problem of its own, at its own path. */
export function invalidIssues(issues: readonly Issue[]): RefusalError {
  const problems = issues.flatMap((issue): Problem[] => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }]
    return (issue.keys ?? []).map((key) => ({ path: [...path, key].join('.'), message: 'is not a field of this object' }))
  })
  return invalid(...(problems as [Problem, ...Problem[]]))
}
