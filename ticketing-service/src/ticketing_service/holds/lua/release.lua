-- KEYS held version hold user
-- ARGV token
local held, version, hold, mine = unpack(KEYS)
local token = ARGV[1]
local expires, seats = unpack(redis.call('HMGET', hold, 'expires', 'seats'))
if not expires then return {'gone'} end

local freed = false
for seat in each_seat(seats) do
  if unlock(held, seat, token) then
    freed = true
    redis.call('ZREM', mine, seat)
  end
end
redis.call('DEL', hold)
if freed then changed(version) end
if tonumber(expires) <= clock() then return {'gone'} end
return {'released'}
