-- Counts a hit in a fixed window; above the limit the key is blocked for the block time. Called by RedisThrottlerStorage.
-- KEYS 1 counter    ARGV 1 window ms  2 limit  3 block ms (0 = rest of the window)
-- Answers {hits, ms left, 1 = blocked}
local window, limit, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not (window and limit and block) then return redis.error_reply('ERR throttle: bad arguments') end
local hits = redis.call('INCR', KEYS[1])
if hits == 1 then redis.call('PEXPIRE', KEYS[1], window) end
if hits == limit + 1 and block > 0 then redis.call('PEXPIRE', KEYS[1], block) end
return {hits, redis.call('PTTL', KEYS[1]), hits > limit and 1 or 0}
