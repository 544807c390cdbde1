-- KEYS held hold user
-- ARGV user token duration longest margin latest
local held, hold, mine = unpack(KEYS)
local user, token, duration, longest, margin, latest = unpack(ARGV)
local now = clock()
local created, expires, seats = unpack(redis.call('HMGET', hold, 'created', 'expires', 'seats'))
if not created or tonumber(expires) <= now then return {'gone'} end

local locks = {}
for seat in each_seat(seats) do
  local found = lock_on(held, seat, now)
  if not found or found.token ~= token then return {'gone'} end
  locks[seat] = found
end
local longer = math.max(expires, math.min(now + duration, created + longest, latest))
for seat, found in pairs(locks) do
  lock(held, seat, token, user, longer, margin, found.busy)
  redis.call('ZADD', mine, int(longer), seat)
end
redis.call('HSET', hold, 'expires', int(longer))
keep(int(longer + margin + REMEMBERED), hold)
return {'held', int(longer), seats}
