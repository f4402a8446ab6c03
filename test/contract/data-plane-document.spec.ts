import { dataPlane } from '../../apps/admin/src/openapi/data-plane'
import { dataPlaneDocument } from '../../apps/gateway/src/document/data-plane-document'

describe('the OpenAPI document', () => {
  it('describes the data plane by the schemas that validate it (else: node scripts/data-plane-document.mjs)', () => {
    expect(dataPlane).toEqual(JSON.parse(JSON.stringify(dataPlaneDocument())))
  })
})
