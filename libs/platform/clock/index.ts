export { CLOCK, IDS, systemClock, systemIds, systemTimer, TIMER, type Timer } from './system-clock'
export { within } from './within'
