-- What the scripts about members share. Who is in a channel is kept as
--
--   members  hash: CLIENT (36) -> LIFE ' ' TELLING ' ' USER_BYTES '\n' USER INFO
--   users    hash: user -> how many connections it has in the channel
--   of       set of all that one life of a node has entered in the partition: CLIENT ' ' CHANNEL
--
-- A life is a node's id, '~' and a number: a node that was taken for dead goes on as another life.
-- TELLING is who hears of comings and goings: n nobody, c of each connection, u of a user's first
-- and last one. INFO is opaque here.

local function parse(value)
  local life, telling, bytes, rest = string.match(value, '^([^\n]*) (%a) (%d+)\n()')
  local info = rest + tonumber(bytes)
  return {
    life = life, telling = telling, user = string.sub(value, rest, info - 1),
    info = string.sub(value, info),
  }
end

-- Counts one connection of a user more or less, and says how many others it has.
local function count(users, user, by)
  local now = redis.call('HINCRBY', users, user, by)
  if now <= 0 then redis.call('HDEL', users, user) end
  return by > 0 and now - 1 or now
end

local function tell(line, kind, member, others)
  local first_or_last = member.user == '' or others <= 0
  if member.telling == 'c' or (member.telling == 'u' and first_or_last) then
    redis.call('SPUBLISH', line, kind .. member.info)
  end
end
