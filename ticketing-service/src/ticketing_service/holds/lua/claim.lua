-- A short lock on one seat, for a booking without a hold. Tells for how much longer it is good.
-- KEYS held sold version
-- ARGV user token duration margin keep seat
local held, sold, version = unpack(KEYS)
local user, token, duration, margin, keep_at, seat = unpack(ARGV)
local now = clock()
if is_loaded(sold) and is_sold(sold, seat) then return {'taken'} end

local found = lock_on(held, seat, now)
if found and found.user ~= user then return {'taken'} end
local claimed = found and string.match(found.token, '^[cj]%-')
-- One's own held seat is booked under its hold, and never after the hold's own end.
if found and not claimed and found.expires > now then
  lock(held, seat, found.token, user, found.expires, margin, now + duration + margin)
  return {'own', found.token, int(math.min(found.expires - now, duration))}
end
if found then token = shared(found.token) end
lock(held, seat, token, user, now + duration, margin)
changed(version)
keep(keep_at, held, version)
return {'claimed', token, int(duration)}
