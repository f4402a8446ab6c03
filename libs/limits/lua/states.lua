-- Where claims stand, for a gateway that still vouches for them. Called by AdmissionStore.claimStates, once a second per
-- bucket with hundreds of request ids: one command, because a command each costs both sides more than the answer.
-- Confirmed is only what its `done` calls so: after a wipe, or a failover that lost the last writes, nothing is.
-- KEYS  1 un (names the slot)    ARGV  1 done key prefix  2… request ids
-- Answers one letter a request id, in order: c confirmed | p pending | l lost
local prefix = ARGV[1]
local letters = {}
for i = 2, #ARGV do
  local rid = ARGV[i]
  local done = redis.call('HMGET', prefix .. rid, 'rank', 'crank')
  letters[i - 1] = (done[2] == '1') and 'c' or (done[1] == '1') and 'p' or 'l'
end
return table.concat(letters)
