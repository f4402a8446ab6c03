export { TiersModule } from './tiers.module'
export { TiersService } from './tiers.service'
export { permits, type Tier } from './domain/tier'
