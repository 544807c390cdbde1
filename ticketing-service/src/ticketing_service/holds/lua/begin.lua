-- A hold is about to be booked: for as long as that may take, no release frees its seats. Tells
-- for how much longer it may be.
-- KEYS held hold
-- ARGV token duration margin
local held, hold = unpack(KEYS)
local token, duration, margin = unpack(ARGV)
local now = clock()
local expires, seats = unpack(redis.call('HMGET', hold, 'expires', 'seats'))
if not expires or tonumber(expires) <= now then return {'gone'} end
for seat in each_seat(seats) do
  local found = lock_on(held, seat, now)
  if not found or found.token ~= token then return {'gone'} end
  lock(held, seat, token, found.user, found.expires, margin, now + duration + margin)
end
return {'held', int(math.min(expires - now, duration)), seats}
