-- Sweep of one bucket, by the worker: calls whose lease ran out died with their gateway (or it stalls). What their last
-- checkpoint says is claimed at rank 0; the rest of the reservation stays reserved as a hold, because a stalled
-- gateway may still deliver and settle at rank 1. Holds that ran out are freed.
-- KEYS  1 lease  2 hold  3 un  4 out    ARGV  1 bucket tag  2 hold ms  3 most calls a run
-- The instant of admission goes with a swept claim: it fixes the claim's day (a draft is written before Redis TIME is known).
-- Answers {swept, freed}
local DONE_TTL_MS = 86400000
local tag, hold_ms, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not (hold_ms and most) then return redis.error_reply('ERR sweep: bad arguments') end
-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end
local function take(key, field, delta)
  if redis.call('HINCRBY', key, field, int(-delta)) < 0 then redis.call('HSET', key, field, '0') end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local swept = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, most)
for _, rid in ipairs(swept) do
  local reservation, done = tag .. ':rsv:' .. rid, tag .. ':done:' .. rid
  local r = redis.call('HMGET', reservation, 'est', 'prog', 'lim', 'bud', 'draft', 'at')
  if r[1] and redis.call('EXISTS', done) == 0 then
    local estimate = tonumber(r[1])
    local progress = math.min(tonumber(r[2]) or 0, estimate)
    for key in string.gmatch(r[3], '%S+') do take(key, 'c', 1) end
    for key in string.gmatch(r[4], '%S+') do
      if progress > 0 then
        take(key, 'resv', progress)
        redis.call('HINCRBY', key, 'unconf', int(progress))
      end
    end
    redis.call('HSET', reservation, 'est', int(estimate - progress), 'held', '1')
    redis.call('HSET', KEYS[3], rid, '0:' .. int(progress))
    redis.call('HSET', done, 'rank', '0', 'amt', int(progress))
    redis.call('PEXPIRE', done, DONE_TTL_MS)
    redis.call('XADD', KEYS[4], '*', 'claim', r[5], 'at', r[6])
    redis.call('ZADD', KEYS[2], now + hold_ms, rid)
  end
  redis.call('ZREM', KEYS[1], rid)
end

local freed = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now), 'LIMIT', 0, most)
for _, rid in ipairs(freed) do
  local reservation = tag .. ':rsv:' .. rid
  local r = redis.call('HMGET', reservation, 'est', 'bud')
  if r[1] and tonumber(r[1]) > 0 then
    for key in string.gmatch(r[2], '%S+') do take(key, 'resv', tonumber(r[1])) end
  end
  redis.call('DEL', reservation)
  redis.call('ZREM', KEYS[2], rid)
end
return {#swept, #freed}
