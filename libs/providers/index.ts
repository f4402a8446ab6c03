export { ProvidersModule } from './providers.module'
export { ProvidersService } from './providers.service'
export type {
  AttemptDeadlines,
  AttemptFailure,
  AttemptOutcome,
  FailureClass,
  ProviderAdapter,
  ReportedCounts,
  UpstreamFault,
  UpstreamCall,
  UpstreamTarget,
} from './domain/adapter'
