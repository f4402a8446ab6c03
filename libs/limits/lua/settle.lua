-- Settlement of a request id: releases its reservation and makes its claim count. Called by AdmissionStore.settle.
-- Idempotent: a claim of equal or lower rank than the one already done changes nothing.
-- mode "outbox": the claim is queued for the worker and counts as unconfirmed until it is committed to Postgres.
-- mode "direct": Postgres has committed it already; the confirmed sums come along and nothing is queued.
-- Nothing can fail after the first write.
--
-- KEYS  1 rsv:{rid}  2 done:{rid}  3 lease  4 un  5 out  6 hold  7… budget hashes
-- ARGV  1 rid  2 rank  3 amount nano  4 tokens used  5 claim (JSON)  6 mode  7 number of budgets
--       mode direct, per budget: spent nano, version
-- Answers {'OK'} or {'KEPT', rank}
local DONE_TTL_MS = 86400000
local CONFIRMED_TTL_MS = 600000
local BUDGET_TTL_MS = 3456000000
local SLOTS = 61
local MOST = 9007199254740992

local rid, rank, amount, tokens = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local mode, budgets = ARGV[6], tonumber(ARGV[7])
-- Lua reads "nan" and "inf" as numbers, and NaN is never below anything: hence `not (… >= 0 and … <= MOST)`.
if not (rank and amount and tokens and budgets) or not (amount >= 0 and amount <= MOST) or not (tokens >= 0 and tokens <= MOST) or (mode ~= 'outbox' and mode ~= 'direct') then
  return redis.error_reply('ERR settle: bad arguments')
end
local sums = {}
if mode == 'direct' then
  for i = 1, budgets do
    local spent, version = tonumber(ARGV[6 + i * 2]), tonumber(ARGV[7 + i * 2])
    if not (spent and version and spent >= 0 and spent < 9e18 and version >= -1) then return redis.error_reply('ERR settle: bad sums') end
    sums[i] = { spent = spent, version = version }
  end
end

-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end

local done = redis.call('HGET', KEYS[2], 'rank')
if done and tonumber(done) >= rank then return {'KEPT', tonumber(done)} end

local function split(text)
  local out = {}
  for word in string.gmatch(text or '', '%S+') do out[#out + 1] = word end
  return out
end

-- Takes from a counter, never below zero: after a wipe the counter may know less than the reservation.
local function take(key, field, delta)
  local left = redis.call('HINCRBY', key, field, int(-delta))
  if left < 0 then redis.call('HSET', key, field, '0') end
end

local r = redis.call('HMGET', KEYS[1], 'est', 'tok', 'sec', 'lim', 'bud', 'held')
if r[1] then
  local estimate, charged, seconds = tonumber(r[1]), split(r[2]), split(r[3])
  if estimate > 0 then
    for _, key in ipairs(split(r[5])) do take(key, 'resv', estimate) end
  end
  for i, key in ipairs(split(r[4])) do
    local surplus, second = tonumber(charged[i]) - tokens, tonumber(seconds[i])
    local slot = 'k' .. (second % SLOTS)
    local w = redis.call('HMGET', key, 't', 'c', 'k', slot)
    local last, running, used, counted = tonumber(w[1]), tonumber(w[2]) or 0, tonumber(w[3]) or 0, tonumber(w[4]) or 0
    -- Tokens that were reserved and not used go back, while their second is still in the window.
    local back = (last and second > last - SLOTS) and math.max(0, math.min(surplus, counted)) or 0
    local left = int(math.max(0, running - (r[6] and 0 or 1)))
    if back > 0 then
      redis.call('HSET', key, 'c', left, 'k', int(math.max(0, used - back)), slot, int(counted - back))
    elseif w[2] then
      redis.call('HSET', key, 'c', left)
    end
  end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[3], rid)
  if r[6] then redis.call('ZREM', KEYS[6], rid) end
end

local before = redis.call('HGET', KEYS[4], rid)
local previous = before and tonumber(string.match(before, ':(%d+)$')) or 0
for i = 1, budgets do
  local key = KEYS[6 + i]
  local counted = (mode == 'outbox') and (amount - previous) or -previous
  if counted > 0 then
    local after = redis.call('HINCRBY', key, 'unconf', int(counted))
    if after == counted then redis.call('PEXPIRE', key, BUDGET_TTL_MS) end
  elseif counted < 0 then
    take(key, 'unconf', -counted)
  end
  -- Also while it is not loaded: a load that read Postgres before this commit may still be on its way.
  if sums[i] and sums[i].version > (tonumber(redis.call('HGET', key, 'ver')) or -1) then
    redis.call('HSET', key, 'conf', int(sums[i].spent), 'ver', int(sums[i].version))
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, BUDGET_TTL_MS) end
  end
end

if mode == 'outbox' then
  redis.call('HSET', KEYS[4], rid, int(rank) .. ':' .. int(amount))
  redis.call('HSET', KEYS[2], 'rank', int(rank), 'amt', int(amount))
  redis.call('PEXPIRE', KEYS[2], DONE_TTL_MS)
  redis.call('XADD', KEYS[5], '*', 'claim', ARGV[5])
else
  if before then redis.call('HDEL', KEYS[4], rid) end
  redis.call('HSET', KEYS[2], 'rank', int(rank), 'amt', int(amount), 'crank', int(rank))
  redis.call('PEXPIRE', KEYS[2], CONFIRMED_TTL_MS)
end
return {'OK'}
