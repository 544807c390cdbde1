-- Before every script. All keys of a screening share a hash tag, so each script is one call on
-- one node of a cluster.
--
--   {session:42}:held     hash  seat -> token|user|until|expires|busy   a lock that ends by itself
--   {session:42}:sold     hash  seat -> S|ticket|user or F|ticket|  what the last ticket left it as
--   {session:42}:version  counter of changes that the seat map shows
--
-- Times are milliseconds of Redis' own clock. `expires` is what the customer was told; the lock
-- holds on until `until`, a margin later. Until `busy` somebody may be about to book under it.

-- For how long the note of a hold outlives its seats' locks: its end is told of by then.
local REMEMBERED = 60000

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function int(number)
  return string.format('%d', number)
end

local function lock_on(held, seat, now)
  local value = redis.call('HGET', held, seat)
  if not value then return nil end
  local token, user, until_, expires, busy =
    string.match(value, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  if tonumber(until_) <= now then return nil end
  return {token = token, user = user, expires = tonumber(expires), busy = tonumber(busy)}
end

local function lock(held, seat, token, user, expires, margin, busy)
  local times = int(expires + margin) .. '|' .. int(expires) .. '|' .. int(busy or 0)
  redis.call('HSET', held, seat, token .. '|' .. user .. '|' .. times)
end

-- Compare and delete: a lock that has passed to somebody else stays.
local function unlock(held, seat, token)
  local value = redis.call('HGET', held, seat)
  if value and string.match(value, '^([^|]*)|') == token then
    redis.call('HDEL', held, seat)
    return true
  end
  return false
end

-- A claim that several requests of one customer have: whoever fails does not give it back, since
-- another may be about to book.
local function shared(token)
  return 'j-' .. string.gsub(token, '^[cj]%-', '')
end

-- Which life of this server it is: another one, after a restart or a failover, may have brought
-- back old data.
local function life()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

-- Whether it is known which seats are sold.
local function is_loaded(sold)
  return redis.call('HGET', sold, 'loaded') == life()
end

local function is_sold(sold, seat)
  local value = redis.call('HGET', sold, seat)
  return value and string.sub(value, 1, 1) == 'S'
end

-- Tickets for one seat have growing numbers, and a ticket that ended never lives again: so word
-- of them may come late, twice, or in any order.
local function mark(sold, seat, state, ticket, user)
  local value = redis.call('HGET', sold, seat)
  if value then
    local known_state, known = string.match(value, '^(%a)|(%d+)|')
    known = tonumber(known)
    if known > tonumber(ticket) then return false end
    if known == tonumber(ticket) and (known_state == 'F' or known_state == state) then
      return false
    end
  end
  redis.call('HSET', sold, seat, state .. '|' .. ticket .. '|' .. user)
  return true
end

-- After a loss of all data the counter goes on from the clock, and so never runs backwards.
local function changed(version)
  if redis.call('EXISTS', version) == 0 then redis.call('SET', version, int(clock())) end
  return redis.call('INCR', version)
end

local function keep(at, ...)
  for _, key in ipairs({...}) do redis.call('PEXPIREAT', key, at) end
end

local function each_seat(text)
  return string.gmatch(text, '[^,]+')
end
