-- All live tickets of a screening, read from the database after `loading` was set to our token.
-- Gone, or of another life, the data was lost meanwhile, and with it word of later tickets.
-- KEYS sold version loading
-- ARGV token keep [seat ticket user ...]
local sold, version, loading = unpack(KEYS)
if is_loaded(sold) then return {'ok'} end
local token = redis.call('GET', loading)
if token ~= ARGV[1] or string.sub(token, -#life()) ~= life() then return {'again'} end
for i = 3, #ARGV, 3 do mark(sold, ARGV[i], 'S', ARGV[i + 1], ARGV[i + 2]) end
redis.call('HSET', sold, 'loaded', life())
redis.call('DEL', loading)
changed(version)
keep(ARGV[2], sold, version)
return {'ok'}
