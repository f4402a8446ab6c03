export { StandingService, type Standing } from './standing.service'
