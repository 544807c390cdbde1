-- KEYS held version hold user
-- ARGV token
local held, version, hold, mine = unpack(KEYS)
local token = ARGV[1]
local now = clock()
local expires, seats = unpack(redis.call('HMGET', hold, 'expires', 'seats'))
-- What has expired ends by itself, a margin later: a booking that began in time may still commit.
if not expires or tonumber(expires) <= now then return {'gone'} end

for seat in each_seat(seats) do
  local found = lock_on(held, seat, now)
  if found and found.token == token then
    if found.busy > now then
      lock(held, seat, token, found.user, now, found.busy - now)
    else
      redis.call('HDEL', held, seat)
    end
    redis.call('ZREM', mine, seat)
  end
end
redis.call('DEL', hold)
changed(version)
return {'released', expires, seats}
