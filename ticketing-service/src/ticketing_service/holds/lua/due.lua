-- The holds whose time has come. They come up again after `patience`, unless they are forgotten:
-- whoever took them may die.
-- KEYS ends
-- ARGV limit patience
local ends = KEYS[1]
local limit, patience = unpack(ARGV)
local now = clock()
local due = redis.call('ZRANGEBYSCORE', ends, '-inf', int(now), 'LIMIT', 0, limit)
for _, name in ipairs(due) do redis.call('ZADD', ends, int(now + patience), name) end
return due
