export { CLOCK, IDS, systemClock, systemIds } from './system-clock'
