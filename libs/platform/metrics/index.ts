export { Metrics, type CallMeasure } from './metrics'
