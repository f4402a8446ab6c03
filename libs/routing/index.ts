export { orderAttempts, takeNow, type Candidate, type RouteWish } from './attempts'
export { MOST_ATTEMPTS, nextStep, type FailureSign, type NextStep, type RetryState } from './next-step'
export { RetryBudgets } from './retry-budget'
export { RefusalThrottle } from './refusal-throttle'
