-- KEYS held sold version hold user idempotency
-- ARGV user token duration margin limit latest keep fingerprint retention seats
local held, sold, version, hold, mine, idempotency = unpack(KEYS)
local user, token, duration, margin, limit, latest, keep_at, fingerprint, retention, seats =
  unpack(ARGV)
local now = clock()

if fingerprint ~= '' then
  local kept = redis.call('GET', idempotency)
  if kept then return cjson.decode(kept) end
end
if not is_loaded(sold) then return {'unloaded'} end

local function hold_all()
  if tonumber(latest) <= now then return {'late'} end
  local taken, count = {'taken'}, 0
  for seat in each_seat(seats) do
    count = count + 1
    if is_sold(sold, seat) or lock_on(held, seat, now) then table.insert(taken, seat) end
  end
  if #taken > 1 then return taken end

  local already = redis.call('ZCOUNT', mine, '(' .. int(now), '+inf')
  if already + count > tonumber(limit) then return {'limit'} end

  -- Nothing is written before the locks: where there is no memory left, Redis refuses the script's
  -- first write, and no later one.
  local expires = math.min(now + duration, latest)
  for seat in each_seat(seats) do
    lock(held, seat, token, user, expires, margin)
    redis.call('ZADD', mine, int(expires), seat)
  end
  redis.call('ZREMRANGEBYSCORE', mine, '-inf', int(now))
  redis.call('HSET', hold, 'created', int(now), 'expires', int(expires), 'seats', seats)
  keep(int(expires + margin + REMEMBERED), hold)
  keep(keep_at, held, sold, mine)
  changed(version)
  keep(keep_at, version)
  return {'held', token, int(expires)}
end

local answer = hold_all()
-- A refusal is final too.
if fingerprint ~= '' then
  redis.call('SET', idempotency, cjson.encode(answer), 'PX', retention)
end
return answer
