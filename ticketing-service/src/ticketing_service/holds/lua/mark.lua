-- What a ticket has become: S, it has the seat, or F, it has left it.
-- KEYS sold version
-- ARGV state ticket user keep seat
local state, ticket, user, keep_at, seat = unpack(ARGV)
if mark(KEYS[1], seat, state, ticket, user) then
  changed(KEYS[2])
  keep(keep_at, KEYS[1], KEYS[2])
end
return {'ok'}
