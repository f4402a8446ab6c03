-- A gateway says what it has in flight and hears the others, as one: of two that come to a host at the same moment one hears
-- of the other, and only one. Called by roster.store.ts once a second and gateway, and whenever one comes to a host.
-- KEYS  1 words of all gateways    ARGV  1 gateway  2 its word    Answers gateway, word, gateway, word, …
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
