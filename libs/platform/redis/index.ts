export { RedisClients, RedisSetupError } from './redis-clients'
export { LuaScript } from './lua-script'
export { ChangeNotices, type ChangeNotice } from './change-notices'
