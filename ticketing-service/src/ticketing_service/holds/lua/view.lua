-- What is taken, and the version of that. Locks that have ended go now, so that what is shown
-- never changes under the same version.
-- KEYS held sold version
local held, sold, version = unpack(KEYS)
if not is_loaded(sold) then return {'unloaded'} end
local now, ended = clock(), false
local taken = {}
local locks = redis.call('HGETALL', held)
for i = 1, #locks, 2 do
  local user, until_ = string.match(locks[i + 1], '^[^|]*|([^|]*)|([^|]*)|')
  if tonumber(until_) <= now then
    redis.call('HDEL', held, locks[i])
    ended = true
  elseif not is_sold(sold, locks[i]) then
    table.insert(taken, 'held|' .. locks[i] .. '|' .. user)
  end
end
local marks = redis.call('HGETALL', sold)
for i = 1, #marks, 2 do
  local user = string.match(marks[i + 1], '^S|%d+|(.*)$')
  if user then table.insert(taken, 'sold|' .. marks[i] .. '|' .. user) end
end
if ended then changed(version) end
return {'taken', redis.call('GET', version) or '0', taken}
