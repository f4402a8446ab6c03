-- Adds calls to the running totals of a host's models; called by health.store.ts once a second and gateway. `epoch` tells
-- Postgres which life of Redis the totals belong to (health-fold.store.ts).
-- KEYS  1 totals hash of the host    ARGV  1 epoch if there is none  2 ms to live
--   3… six a model: name, total, failed, latency ms, last used ms, last error as JSON {at, text} or ''
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
for i = 3, #ARGV, 6 do
  local model = ARGV[i]
  redis.call('HINCRBY', KEYS[1], 'total ' .. model, ARGV[i + 1])
  redis.call('HINCRBY', KEYS[1], 'failed ' .. model, ARGV[i + 2])
  redis.call('HINCRBY', KEYS[1], 'latency ' .. model, ARGV[i + 3])
  redis.call('HSET', KEYS[1], 'used ' .. model, ARGV[i + 4])
  if ARGV[i + 5] ~= '' then redis.call('HSET', KEYS[1], 'error ' .. model, ARGV[i + 5]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
