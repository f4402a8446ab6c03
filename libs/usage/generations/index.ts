export { GenerationsModule } from './generations.module'
export { GenerationStore, type DueGeneration } from './generation.store'
