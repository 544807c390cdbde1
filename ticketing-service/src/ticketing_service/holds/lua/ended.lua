-- What became of a hold whose time has come; of one that was booked or released nothing is left.
-- KEYS hold
-- ARGV margin
local expires, seats = unpack(redis.call('HMGET', KEYS[1], 'expires', 'seats'))
if not expires then return {'gone'} end
local free_at = expires + ARGV[1]
if free_at > clock() then return {'later', int(free_at)} end
return {'ended', expires, seats}
