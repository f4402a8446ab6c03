-- Checkpoint of running calls of one bucket, once a tick per gateway: writes progress, extends leases, re-creates
-- reservations that Redis lost, and tells which calls must stop.
-- KEYS  1 lease    ARGV  1 bucket tag  2 lease ms  3 JSON array of
--   {rid, key, at, est, prog, lim: [keys], bud: [keys], draft, gw}   (draft = the claim as of now, rank 0)
-- Answers one word a call, in order: OK | SWEPT | DONE | REVOKED
local RESERVATION_TTL_MS = 86400000
local LIMITER_TTL_S = 1800
local BUDGET_TTL_MS = 3456000000
local tag, lease_ms, calls = ARGV[1], tonumber(ARGV[2]), cjson.decode(ARGV[3])
if not lease_ms then return redis.error_reply('ERR checkpoint: bad arguments') end
-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

for _, call in ipairs(calls) do
  if not (type(call.est) == 'number' and type(call.prog) == 'number' and type(call.at) == 'number' and call.draft) then return redis.error_reply('ERR checkpoint: bad call') end
end

local answers = {}
for i, call in ipairs(calls) do
  local reservation = tag .. ':rsv:' .. call.rid
  local done = redis.call('HGET', tag .. ':done:' .. call.rid, 'rank')
  if done then
    answers[i] = (tonumber(done) == 0) and 'SWEPT' or 'DONE'
  elseif redis.call('EXISTS', tag .. ':rev:' .. call.key) == 1 then
    answers[i] = 'REVOKED'
  else
    if redis.call('EXISTS', reservation) == 0 then
      -- The lost windows counted its tokens; the new ones do not, so settlement has nothing to give back.
      redis.call('HSET', reservation, 'est', int(call.est), 'tok', string.rep('0 ', #call.lim), 'sec', string.rep(int(math.floor(now / 1000)) .. ' ', #call.lim),
        'lim', table.concat(call.lim, ' '), 'bud', table.concat(call.bud, ' '), 'gw', call.gw, 'at', int(call.at))
      redis.call('PEXPIRE', reservation, RESERVATION_TTL_MS)
      for _, key in ipairs(call.lim) do redis.call('HINCRBY', key, 'c', 1) end
      for _, key in ipairs(call.bud) do
        if call.est > 0 then redis.call('HINCRBY', key, 'resv', int(call.est)) end
        if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, BUDGET_TTL_MS) end
      end
    end
    redis.call('HSET', reservation, 'draft', call.draft, 'prog', int(call.prog))
    redis.call('ZADD', KEYS[1], now + lease_ms, call.rid)
    for _, key in ipairs(call.lim) do redis.call('EXPIRE', key, LIMITER_TTL_S) end
    answers[i] = 'OK'
  end
end
return answers
