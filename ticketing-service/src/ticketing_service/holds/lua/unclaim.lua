-- KEYS held version
-- ARGV token seat
if unlock(KEYS[1], ARGV[2], ARGV[1]) then changed(KEYS[2]) end
return {'ok'}
