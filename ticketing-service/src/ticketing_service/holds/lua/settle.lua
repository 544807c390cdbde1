-- The tickets are committed: their seats are sold, and leave the hold or the claim. Where that is
-- not there any more we come late, and what became of the tickets since is for the database to say.
-- KEYS held sold version hold user loading
-- ARGV token user keep seat ticket [seat ticket ...]
local held, sold, version, hold, mine, loading = unpack(KEYS)
local token, user, keep_at = unpack(ARGV)
local settled = {}
for i = 4, #ARGV, 2 do
  local seat, ticket = ARGV[i], ARGV[i + 1]
  settled[seat] = true
  if unlock(held, seat, token) or unlock(held, seat, shared(token)) then
    redis.call('ZREM', mine, seat)
  else
    redis.call('HDEL', sold, 'loaded')
    redis.call('DEL', loading)
  end
  mark(sold, seat, 'S', ticket, user)
end
local seats = redis.call('HGET', hold, 'seats')
if seats then
  local left = {}
  for seat in each_seat(seats) do
    if not settled[seat] then table.insert(left, seat) end
  end
  if #left == 0 then
    redis.call('DEL', hold)
  else
    redis.call('HSET', hold, 'seats', table.concat(left, ','))
  end
end
changed(version)
keep(keep_at, sold, version)
return {'ok'}
