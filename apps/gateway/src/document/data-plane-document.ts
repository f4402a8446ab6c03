import type { Components } from '@tollgate/platform/json-schema'
import { inferencePaths } from './inference-paths'
import { Operations, type PathItem } from './operations'
import { readingPaths } from './reading-paths'

/**
 * The data plane as OpenAPI 3.1 has it: paths, and the schemas they refer to. What is sent is told by the very schemas
 * that validate it; what is answered by schemas that are held against real answers, and that no gateway loads.
 * `scripts/data-plane-document.mjs` writes both down for the control plane's document.
 */
export function dataPlaneDocument(): { readonly paths: Record<string, PathItem>; readonly components: Components } {
  const operations = new Operations()
  return { paths: { ...inferencePaths(operations), ...readingPaths(operations) }, components: operations.components }
}
