-- The request of a client that a call is one of several for (a consensus, rounds with tools): the id of the first of them,
-- which names itself. Null = the call is the whole request. So what such a request cost is the sum of one column:
--   SELECT sum(amount_pico) FROM usage WHERE parent_rid = '…' AND day BETWEEN …
-- Adding it rewrites and scans nothing, and apply_claims fills it as it fills every column. No index, which would be built
-- under a lock on writes: the calls of a request are found by their tenant and the time they began (usage_tenant_time_idx).
ALTER TABLE usage ADD COLUMN parent_rid uuid;
