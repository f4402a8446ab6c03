export { CatalogModule } from './catalog.module'
export { CatalogService } from './catalog.service'
export type { Alias, CatalogModel, FoundModel, ModelCapabilities } from './domain/model'
export { resolveName, type ResolvedName } from './domain/resolve'
