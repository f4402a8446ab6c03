export { RedisClients, RedisSetupError } from './redis-clients'
export { isCluster, mastersOf, onInterruption, type RedisLink } from './redis-link'
export { LuaScript } from './lua-script'
export { ChangeNotices, type ChangeNotice } from './change-notices'
