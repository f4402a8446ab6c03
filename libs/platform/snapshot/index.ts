export { KeptRecords } from './kept-records'
export { Snapshot } from './snapshot'
