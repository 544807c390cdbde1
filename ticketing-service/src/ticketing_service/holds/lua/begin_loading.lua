-- Forgets what is known of a screening's sold seats. All that is told from now on stays, and the
-- database is read after this; so nothing is missed, and nothing old is kept.
-- KEYS sold version loading
-- ARGV token patience
local sold, version, loading = unpack(KEYS)
if is_loaded(sold) then return {'loaded'} end
-- Of another who loads already, if it was in this life.
local others = redis.call('GET', loading)
if others and string.sub(others, -#life()) == life() then return {'load', others} end
redis.call('DEL', sold, version)
local token = ARGV[1] .. life()
redis.call('SET', loading, token, 'PX', ARGV[2])
return {'load', token}
