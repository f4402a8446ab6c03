import { dataPlanePaths } from '../../apps/admin/src/openapi/data-plane'
import { dataPlaneDocument } from '../../apps/gateway/src/data-plane-document'

describe('the OpenAPI document', () => {
  it('describes the data plane by the schemas that validate it (else: node scripts/data-plane-document.mjs)', () => {
    expect(dataPlanePaths).toEqual(JSON.parse(JSON.stringify(dataPlaneDocument())))
  })
})
