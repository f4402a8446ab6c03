-- The line of waiting calls of one model, shared by all gateways; called by queue.store.ts, and only when somebody waits.
-- Start-time fair queueing in two steps: tiers by weight, within a tier its tenants alike, within a tenant by arrival. What
-- is weighed are tokens: estimated when a call is picked, corrected when it ended. A flow that comes new starts at the
-- virtual time of now, so idling saves nothing up and nobody waits for what others did before.
-- KEYS  1 the line, JSON {v, c, tiers: {name: {w, s, f, v, tenants: {id: {s, f, q: [waiter]}}}}}; waiter {id, g, k, u, h: {host: 1}}
-- ARGV  1 ms to live  2 now, ms  3 operation, then
--   enter    id, gateway, tier, weight, tenant, tokens, until ms, most wait ms, most of a tenant, most in all, slots, ms a call, host…
--            → {1, position, estimate ms} or {0, position, estimate ms} when refused
--   pop      host → {id, gateway, tier, tenant} or {}
--   drop     tier, tenant, id → {}
--   correct  tier, tenant, tokens more than estimated → {}
local now, op = tonumber(ARGV[2]), ARGV[3]
local raw = redis.call('GET', KEYS[1])
local line = raw and cjson.decode(raw) or { v = 0, c = 0, tiers = {} }

-- The flow that comes first, of those for which `holds` finds something: {name, what it found}.
local function first(flows, holds)
  local best, name, found
  for key, flow in pairs(flows) do
    if not best or flow.s < best.s or (flow.s == best.s and key < name) then
      local here = holds(flow)
      if here then best, name, found = flow, key, here end
    end
  end
  return name, found
end

local function isBusy(tier)
  for _, tenant in pairs(tier.tenants) do if #tenant.q > 0 then return true end end
  return false
end

-- Takes the next waiter that accepts this host (any, when nil) out of the line and charges its flows for it.
local function pick(from, host)
  local function ofTenant(tenant)
    for i, waiter in ipairs(tenant.q) do if not host or waiter.h[host] then return i end end
  end
  local tierName, tenantName = first(from.tiers, function(tier)
    local name, i = first(tier.tenants, ofTenant)
    return name and { name, i } or nil
  end)
  if not tierName then return nil end
  local name, i = tenantName[1], tenantName[2]
  local tier = from.tiers[tierName]
  local tenant = tier.tenants[name]
  local waiter = table.remove(tenant.q, i)
  from.c = from.c - 1
  from.v, tier.v = math.max(from.v, tier.s), math.max(tier.v, tenant.s)
  tier.s, tenant.s = tier.s + waiter.k / tier.w, tenant.s + waiter.k
  return waiter, tierName, name
end

-- Dead gateways leave waiters behind; flows that wait for nothing and owe nothing are forgotten.
local function tidy()
  for name, tier in pairs(line.tiers) do
    for id, tenant in pairs(tier.tenants) do
      for i = #tenant.q, 1, -1 do
        if tenant.q[i].u + 1000 < now then
          table.remove(tenant.q, i)
          line.c = line.c - 1
        end
      end
      if #tenant.q == 0 and tenant.s <= tier.v then tier.tenants[id] = nil end
    end
    if next(tier.tenants) == nil and tier.s <= line.v then line.tiers[name] = nil end
  end
end

local function save()
  redis.call('SET', KEYS[1], cjson.encode(line), 'PX', ARGV[1])
end

if op == 'enter' then
  tidy()
  local id, gateway, tierName, weight, tenantName, tokens = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
  local mostWait, mostTenant, most, slots, callMs = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
  local tier = line.tiers[tierName]
  if not tier then
    tier = { w = weight, s = line.v, v = 0, tenants = {} }
    line.tiers[tierName] = tier
  end
  tier.w = weight
  if not isBusy(tier) then tier.s = math.max(tier.s, line.v) end
  local tenant = tier.tenants[tenantName]
  if not tenant then
    tenant = { s = tier.v, q = {} }
    tier.tenants[tenantName] = tenant
  end
  if #tenant.q == 0 then tenant.s = math.max(tenant.s, tier.v) end
  local hosts = {}
  for i = 16, #ARGV do hosts[ARGV[i]] = 1 end
  local isOver = #tenant.q >= mostTenant or line.c >= most
  table.insert(tenant.q, { id = id, g = gateway, k = tokens, u = tonumber(ARGV[10]), h = hosts })
  line.c = line.c + 1
  local trial, position = cjson.decode(cjson.encode(line)), 1
  -- Who may go to none of these hosts is in nobody's way.
  local function isInTheWay(waiter)
    for host in pairs(hosts) do if waiter.h[host] then return true end end
  end
  local served = pick(trial)
  while served and served.id ~= id do
    if isInTheWay(served) then position = position + 1 end
    served = pick(trial)
  end
  local estimate = math.ceil(position / slots) * callMs
  if isOver or estimate > mostWait then return { 0, position, math.ceil(estimate) } end
  save()
  return { 1, position, math.ceil(estimate) }
end

if op == 'pop' then
  tidy()
  local waiter, tier, tenant = pick(line, ARGV[4])
  save()
  if not waiter then return {} end
  return { waiter.id, waiter.g, tier, tenant }
end

local tier = line.tiers[ARGV[4]]
local tenant = tier and tier.tenants[ARGV[5]]
if not tenant then return {} end
if op == 'drop' then
  for i = #tenant.q, 1, -1 do
    if tenant.q[i].id == ARGV[6] then
      table.remove(tenant.q, i)
      line.c = line.c - 1
    end
  end
else
  local more = tonumber(ARGV[6])
  tier.s, tenant.s = tier.s + more / tier.w, tenant.s + more
end
save()
return {}
