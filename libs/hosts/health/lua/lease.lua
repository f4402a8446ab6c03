-- Takes a lease that is free, or extends one's own; called by lease.store.ts. ARGV[2] = 0 gives one's own back.
-- KEYS  1 lease    ARGV  1 holder  2 ms to live    Answers 1 when held now, else 0
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
