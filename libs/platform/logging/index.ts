export { processLogger, type ProcessLogger } from './process-logger'
