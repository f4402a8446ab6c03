-- Replaces the health of one target when nobody else has since it was read; called by health.store.ts for every change
-- of a circuit, so that two gateways never overwrite each other's view.
-- KEYS  1 health hash of the host    ARGV  1 field  2 version read (0 = none)  3 JSON  4 ms to live
-- Answers  {1} when written, {0, present value} when somebody was faster
local present = redis.call('HGET', KEYS[1], ARGV[1])
local version = present and tonumber(string.match(present, '^(%d+) ')) or 0
if version ~= tonumber(ARGV[2]) then return { 0, present or '' } end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', version + 1) .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 1 }
