// Writes the data plane's part of the OpenAPI document from the gateway's schemas, for the control plane to serve.
// Run after changing a schema; test/contract/data-plane-document.spec.ts fails until the two agree.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { root } from './install.mjs'

await ensureBuilt()
const { dataPlaneDocument } = createRequire(import.meta.url)(join(root, 'dist/apps/gateway/src/document/data-plane-document.js'))
writeFileSync(join(root, 'apps/admin/src/openapi/data-plane.json'), `${JSON.stringify(dataPlaneDocument(), null, 1)}\n`)
