export { RedisThrottlerStorage } from './redis-throttler.storage'
