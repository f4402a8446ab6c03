export { ConfigError, parseEnvironment, requireCluster, processEnvironment, type ClusterConfig } from './config'
export { environmentSchema, type Environment } from './config.schema'
export { CONFIG } from './config.token'
