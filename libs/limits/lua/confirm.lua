-- Confirmation: Postgres has committed these claims. Called by the worker per bucket and tenant after each batch.
-- Budgets take the absolute (spent, version) when it is newer; unconfirmed amounts of the claims are taken off.
-- Confirmation is tracked per rank: a later, higher claim of the same request id stays unconfirmed.
--
-- KEYS  1 un  2 out  3… budget hashes
-- ARGV  1 done key prefix  2 consumer group  3 number of budgets  4 number of claims  5 number of stream entries
--       per budget: spent nano, version
--       per claim:  rid, rank, budget indexes ("1 2"), or "kept": quarantined, its amount stays counted as unconfirmed
--       per entry:  stream id
local CONFIRMED_TTL_MS = 600000
local BUDGET_TTL_MS = 3456000000
local MOST = 9007199254740992
local prefix, group = ARGV[1], ARGV[2]
local budgets, claims, entries = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if not (budgets and claims and entries) or #ARGV ~= 5 + budgets * 2 + claims * 3 + entries then
  return redis.error_reply('ERR confirm: bad arguments')
end
-- '%d' is 32 bits wide on the in-process server; x + 0 turns -0 into 0.
local function int(x) return string.format('%.0f', x + 0) end
for i = 1, budgets * 2 do
  local value = tonumber(ARGV[5 + i])
  if not (value and value >= 0 and value < 9e18) then return redis.error_reply('ERR confirm: bad sums') end
end
for i = 1, claims do
  if not tonumber(ARGV[4 + budgets * 2 + i * 3]) then return redis.error_reply('ERR confirm: bad rank') end
end

for i = 1, budgets do
  local key, spent, version = KEYS[2 + i], tonumber(ARGV[4 + i * 2]), tonumber(ARGV[5 + i * 2])
  -- Also while it is not loaded: a load that read Postgres before this commit may still be on its way.
  if version > (tonumber(redis.call('HGET', key, 'ver')) or -1) then
    redis.call('HSET', key, 'conf', int(spent), 'ver', int(version))
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, BUDGET_TTL_MS) end
  end
end
local rids, open = {}, {}
for i = 1, claims do rids[i] = ARGV[5 + budgets * 2 + (i - 1) * 3 + 1] end
if claims > 0 then
  local held = redis.call('HMGET', KEYS[1], unpack(rids))
  for i = 1, claims do open[rids[i]] = held[i] end
end
local taken, closed = {}, {}
-- Takes off what a budget's claims add up to. A sum beyond MOST would be no exact number here, so it is taken in parts.
local function take(index)
  local left = redis.call('HINCRBY', KEYS[2 + index], 'unconf', int(-taken[index]))
  if left < 0 then redis.call('HSET', KEYS[2 + index], 'unconf', '0') end
end
for i = 1, claims do
  local at = 5 + budgets * 2 + (i - 1) * 3
  local rid, rank, indexes = ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
  local held = indexes ~= 'kept' and open[rid]
  if held then
    local open_rank, amount = string.match(held, '^(%d+):(%d+)$')
    if tonumber(open_rank) <= rank then
      for index in string.gmatch(indexes, '%d+') do
        index = tonumber(index)
        if taken[index] and taken[index] + tonumber(amount) > MOST then
          take(index)
          taken[index] = nil
        end
        taken[index] = (taken[index] or 0) + tonumber(amount)
      end
      -- The same claim may be in a batch twice.
      open[rid] = false
      closed[#closed + 1] = rid
    end
  end
  local done = redis.call('HMGET', prefix .. rid, 'rank', 'crank')
  if done[1] then
    if rank > (tonumber(done[2]) or -1) then redis.call('HSET', prefix .. rid, 'crank', int(rank)) end
    redis.call('PEXPIRE', prefix .. rid, CONFIRMED_TTL_MS)
  end
end
for index = 1, budgets do
  if taken[index] then take(index) end
end
if #closed > 0 then redis.call('HDEL', KEYS[1], unpack(closed)) end
if entries > 0 then
  local ids = {}
  for i = 1, entries do ids[i] = ARGV[5 + budgets * 2 + claims * 3 + i] end
  redis.call('XACK', KEYS[2], group, unpack(ids))
  redis.call('XDEL', KEYS[2], unpack(ids))
end
return {'OK'}
