-- Brings a budget's confirmed sum from Postgres into Redis. Called after admit answered LOAD, and by the worker's
-- reconcile. A newer version wins, so a load may race with a confirmation; unconfirmed and reserved sums stay.
-- KEYS  1 budget hash    ARGV  1 spent nano  2 version  3 expiry (epoch ms)
local spent, version, expires = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not (spent and version and expires and spent >= 0 and spent < 9e18) then return redis.error_reply('ERR load: bad arguments') end
-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end
redis.call('HSETNX', KEYS[1], 'loaded', '1')
if version > (tonumber(redis.call('HGET', KEYS[1], 'ver')) or -1) then
  redis.call('HSET', KEYS[1], 'conf', int(spent), 'ver', int(version))
end
redis.call('PEXPIREAT', KEYS[1], int(expires))
return {'OK'}
