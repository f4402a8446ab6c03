export { CheckpointFile } from './checkpoint-file'
export { PlatformModule, LOGGER, DURABILITY, type Durability } from './platform.module'
export { runMain, stopOnSignals, StartError } from './start'
