-- A claim that came to nothing. Where the database says that the seat is sold, and we did not
-- know, we do not know what else: all is read anew (`load.lua`).
-- KEYS held sold version
-- ARGV token seat known
local held, sold, version = unpack(KEYS)
local token, seat, known = unpack(ARGV)
if known == '0' then redis.call('HDEL', sold, 'loaded') end
if string.sub(token, 1, 2) == 'c-' and unlock(held, seat, token) then changed(version) end
return {'ok'}
