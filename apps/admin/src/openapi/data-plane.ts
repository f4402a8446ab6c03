import type { OpenAPIObject } from '@nestjs/swagger'
import document from './data-plane.json'

/**
 * The data plane's part of the document. It is served by another app, whose schemas are not in this one's container, so
 * it is written down from them by `scripts/data-plane-document.mjs`; a spec keeps both in step.
 */
export const dataPlane = document as unknown as { readonly paths: OpenAPIObject['paths']; readonly components: Readonly<Record<string, unknown>> }
