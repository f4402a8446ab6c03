export { orderAttempts, type Candidate, type RouteWish } from './attempts'
export { nextStep, type FailureSign } from './next-step'
