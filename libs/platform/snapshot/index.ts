export { Snapshot } from './snapshot'
