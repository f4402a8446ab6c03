export { VersionAdminService, type RolledBack } from '../version-admin.service'
export { digestsOf, driftOf, type Drift, type Holding, type ModelVersion } from '../domain/model-version'
