-- All live tickets of a screening, read from the database after `loading` was set to our token.
-- Gone, the data was lost meanwhile, and with it word of tickets that have ended since.
-- KEYS sold version loading
-- ARGV token keep [seat ticket user ...]
local sold, version, loading = unpack(KEYS)
if redis.call('HEXISTS', sold, 'loaded') == 1 then return {'ok'} end
if redis.call('GET', loading) ~= ARGV[1] then return {'again'} end
for i = 3, #ARGV, 3 do mark(sold, ARGV[i], 'S', ARGV[i + 1], ARGV[i + 2]) end
redis.call('HSET', sold, 'loaded', '1')
redis.call('DEL', loading)
changed(version)
keep(ARGV[2], sold, version)
return {'ok'}
