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
for i = 1, claims do
  local at = 5 + budgets * 2 + (i - 1) * 3
  local rid, rank = ARGV[at + 1], tonumber(ARGV[at + 2])
  local open = ARGV[at + 3] ~= 'kept' and redis.call('HGET', KEYS[1], rid)
  if open then
    local open_rank, amount = string.match(open, '^(%d+):(%d+)$')
    if tonumber(open_rank) <= rank then
      for index in string.gmatch(ARGV[at + 3], '%d+') do
        local left = redis.call('HINCRBY', KEYS[2 + tonumber(index)], 'unconf', int(-tonumber(amount)))
        if left < 0 then redis.call('HSET', KEYS[2 + tonumber(index)], 'unconf', '0') end
      end
      redis.call('HDEL', KEYS[1], rid)
    end
  end
  if redis.call('EXISTS', prefix .. rid) == 1 then
    if rank > (tonumber(redis.call('HGET', prefix .. rid, 'crank')) or -1) then redis.call('HSET', prefix .. rid, 'crank', int(rank)) end
    redis.call('PEXPIRE', prefix .. rid, CONFIRMED_TTL_MS)
  end
end
if entries > 0 then
  local ids = {}
  for i = 1, entries do ids[i] = ARGV[5 + budgets * 2 + claims * 3 + i] end
  redis.call('XACK', KEYS[2], group, unpack(ids))
  redis.call('XDEL', KEYS[2], unpack(ids))
end
return {'OK'}
