-- Admission: the one round trip before a call goes upstream. Called by AdmissionStore.admit on the bucket of the tenant.
-- Checks revocation, limits of requests, tokens and concurrency, and budgets; reserves all of them or nothing.
-- Idempotent: the same admission sent again (its reply was lost with a connection) answers OK again, without headroom;
-- another one for a rid that is reserved or done answers DUP.
-- Time is Redis TIME. Amounts are nano (integers below 2^53). Nothing can fail after the first write.
--
-- KEYS  1 rsv:{rid}  2 done:{rid}  3 lease (zset rid → expiry ms)  4 born  5 rev:{key}  6 epoch:{tenant}
--       7… limiter hashes, then budget hashes
-- ARGV  1 rid  2 estimate nano  3 estimate tokens  4 lease ms  5 auth epoch  6 draft claim (JSON)  7 gateway id and a number of its own
--       8 number of limiters  9 number of budgets
--       per limiter: requests/min, tokens/min, parallel (0 = no limit)
--       per budget:  limit nano (-1 = none), starts ms, ends ms, 1 = hard
--       last, where it is only asked: 'dry' (then nothing is written)
-- Answers {code, …}: OK now remaining_requests remaining_tokens limit_requests limit_tokens, then per budget used reserved
--       (before this call; left out where an admission is answered again) | RATE i kind limit used wait_ms |
--       PARALLEL i limit used | BUDGET i limit used reserved | LOAD i | PERIOD i now | GRACE wait_ms | BORN | REVOKED | EPOCH | DUP
local SLOTS = 61
local RESERVATION_TTL_MS = 86400000
local LIMITER_TTL_S = 1800
local MOST = 9007199254740992

local rid, lease_ms, epoch = ARGV[1], tonumber(ARGV[4]), ARGV[5]
local estimate, tokens = tonumber(ARGV[2]), tonumber(ARGV[3])
local limiters, budgets = tonumber(ARGV[8]), tonumber(ARGV[9])
-- Lua reads "nan" and "inf" as numbers, and NaN is never below anything: hence `not (… >= 0 and … <= MOST)`.
if not (lease_ms and estimate and tokens and limiters and budgets) or not (estimate >= 0 and estimate <= MOST) or not (tokens >= 0 and tokens <= MOST) then
  return redis.error_reply('ERR admit: bad arguments')
end

-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local marks = redis.call('MGET', KEYS[4], KEYS[5], KEYS[6])
if marks[2] then return {'REVOKED'} end
if marks[3] and marks[3] ~= epoch then return {'EPOCH'} end
local held = redis.call('HMGET', KEYS[1], 'gw', 'at')
if held[1] == ARGV[7] then return {'OK', tonumber(held[2]), -1, -1, -1, -1} end
if held[1] or redis.call('EXISTS', KEYS[2]) > 0 then return {'DUP'} end
if not marks[1] then return {'BORN'} end
local grace_ms = tonumber(marks[1]) - now

-- Sliding window of one-second slots with running sums, so the cost is constant: only slots that left since the last
-- call are read. 61 slots: a request counts for at least 60 s, so a limit is never passed and at most 1/60 is lost.
-- Nothing is written here: `count` does, once the call is let in.
local function window(key)
  local second = math.floor(now / 1000)
  local v = redis.call('HMGET', key, 't', 'r', 'k', 'c', 'r' .. (second % SLOTS), 'k' .. (second % SLOTS))
  local last, requests, used = tonumber(v[1]), tonumber(v[2]) or 0, tonumber(v[3]) or 0
  local slot_requests, slot_used = tonumber(v[5]) or 0, tonumber(v[6]) or 0
  local gone = {}
  if last and second < last then
    -- The clock stepped back: count on in the last second known, so that no window opens again.
    second = last
    local slot = redis.call('HMGET', key, 'r' .. (second % SLOTS), 'k' .. (second % SLOTS))
    slot_requests, slot_used = tonumber(slot[1]) or 0, tonumber(slot[2]) or 0
  elseif last and second > last then
    slot_requests, slot_used = 0, 0
    for s = last - SLOTS + 1, math.min(last, second - SLOTS) do
      gone[#gone + 1] = 'r' .. (s % SLOTS)
      gone[#gone + 1] = 'k' .. (s % SLOTS)
    end
    if #gone > 0 then
      local counts = redis.call('HMGET', key, unpack(gone))
      for i = 1, #gone, 2 do
        requests = requests - (tonumber(counts[i]) or 0)
        used = used - (tonumber(counts[i + 1]) or 0)
      end
    end
    requests, used = math.max(0, requests), math.max(0, used)
  end
  return { key = key, second = second, requests = requests, used = used, parallel = tonumber(v[4]) or 0,
    slot_requests = slot_requests, slot_used = slot_used, gone = gone, isLater = not last or second > last }
end

-- Counts a call of `w.tokens` in a window: one write, and housekeeping once a second.
local function count(w)
  local slot = w.second % SLOTS
  if #w.gone > 0 then redis.call('HDEL', w.key, unpack(w.gone)) end
  redis.call('HSET', w.key, 't', int(w.second), 'r', int(w.requests + 1), 'k', int(w.used + w.tokens), 'c', int(w.parallel + 1),
    'r' .. slot, int(w.slot_requests + 1), 'k' .. slot, int(w.slot_used + w.tokens))
  if w.isLater then redis.call('EXPIRE', w.key, LIMITER_TTL_S) end
end

-- Milliseconds until `need` units have left the window. Slots that left already hold old counts until they are written.
local function wait_for(w, prefix, need)
  local fields, left = {}, {}
  for s = w.second - SLOTS + 1, w.second do fields[#fields + 1] = prefix .. (s % SLOTS) end
  for _, field in ipairs(w.gone) do left[field] = true end
  local counts = redis.call('HMGET', w.key, unpack(fields))
  local freed = 0
  for i, field in ipairs(fields) do
    if not left[field] then freed = freed + (tonumber(counts[i]) or 0) end
    if freed >= need then return math.max(1, (w.second + i) * 1000 - now) end
  end
  return SLOTS * 1000
end

local left_requests, left_tokens, cap_requests, cap_tokens = -1, -1, -1, -1
local windows = {}
for i = 1, limiters do
  local at = 9 + (i - 1) * 3
  local rpm, tpm, parallel = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local w = window(KEYS[6 + i])
  w.tokens = (tpm > 0) and math.min(tokens, tpm) or tokens
  if parallel > 0 and w.parallel + 1 > parallel then return {'PARALLEL', i, parallel, w.parallel} end
  if rpm > 0 then
    if w.requests + 1 > rpm then return {'RATE', i, 'requests', rpm, w.requests, wait_for(w, 'r', w.requests + 1 - rpm)} end
    if left_requests < 0 or rpm - w.requests - 1 < left_requests then left_requests, cap_requests = rpm - w.requests - 1, rpm end
  end
  if tpm > 0 then
    if w.used + w.tokens > tpm then return {'RATE', i, 'tokens', tpm, w.used, wait_for(w, 'k', w.used + w.tokens - tpm)} end
    if left_tokens < 0 or tpm - w.used - w.tokens < left_tokens then left_tokens, cap_tokens = tpm - w.used - w.tokens, tpm end
  end
  windows[i] = w
end

local sums = {}
for i = 1, budgets do
  local at = 9 + limiters * 3 + (i - 1) * 4
  local limit, starts, ends, hard = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), ARGV[at + 4]
  if now < starts or now >= ends then return {'PERIOD', i, now} end
  local b = redis.call('HMGET', KEYS[6 + limiters + i], 'loaded', 'conf', 'unconf', 'resv')
  if not b[1] then return {'LOAD', i} end
  local used, reserved = (tonumber(b[2]) or 0) + (tonumber(b[3]) or 0), tonumber(b[4]) or 0
  sums[2 * i - 1], sums[2 * i] = int(used), int(reserved)
  -- What costs nothing is never refused for want of money, not even when more than the limit is spent.
  if limit >= 0 and hard == '1' and estimate > 0 then
    if grace_ms > 0 then return {'GRACE', grace_ms} end
    if used + reserved + estimate > limit then return {'BUDGET', i, int(limit), sums[2 * i - 1], sums[2 * i]} end
  end
end

local answer = {'OK', now, left_requests, left_tokens, cap_requests, cap_tokens, unpack(sums)}
if ARGV[9 + limiters * 3 + budgets * 4 + 1] == 'dry' then return answer end

local limiter_keys, budget_keys, charged, seconds = {}, {}, {}, {}
for i = 1, limiters do
  local w = windows[i]
  limiter_keys[i], charged[i], seconds[i] = w.key, int(w.tokens), int(w.second)
  count(w)
end
for i = 1, budgets do
  budget_keys[i] = KEYS[6 + limiters + i]
  if estimate > 0 then redis.call('HINCRBY', budget_keys[i], 'resv', int(estimate)) end
end
-- What each limiter was charged, and in which second: settlement gives back from there and no more.
redis.call('HSET', KEYS[1], 'est', int(estimate), 'tok', table.concat(charged, ' '), 'sec', table.concat(seconds, ' '), 'lim', table.concat(limiter_keys, ' '), 'bud', table.concat(budget_keys, ' '), 'draft', ARGV[6], 'gw', ARGV[7], 'at', int(now))
redis.call('PEXPIRE', KEYS[1], RESERVATION_TTL_MS)
redis.call('ZADD', KEYS[3], now + lease_ms, rid)
return answer
