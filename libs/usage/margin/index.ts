export { MarginModule } from './margin.module'
export { MarginService, type HostAttribution } from './margin.service'
export { MARGIN_GROUPS, type MarginQuery, type MarginRow } from '../domain/margin'
