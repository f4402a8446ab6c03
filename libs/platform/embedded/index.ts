export { EmbeddedError, type EmbeddedErrorCode } from './embedded-error'
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './postgres'
export { findRedisServer, startPrivateRedis, type PrivateRedis, type PrivateRedisOptions } from './redis'
