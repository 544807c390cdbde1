-- KEYS hold
local expires, seats = unpack(redis.call('HMGET', KEYS[1], 'expires', 'seats'))
if not expires or tonumber(expires) <= clock() then return {'gone'} end
return {'held', expires, seats}
