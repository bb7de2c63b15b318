-- A connection is in a channel. Doing it again changes nothing, and tells nobody.
--
-- KEYS  1 members  2 users  3 of
-- ARGV  1 line  2 client  3 life  4 channel  5 telling  6 user  7 info
--       8 '1' if everybody has heard of it already, in case it has been lost here

local members, users, of = KEYS[1], KEYS[2], KEYS[3]
local line, client, channel, silent = ARGV[1], ARGV[2], ARGV[4], ARGV[8] == '1'
local member = { life = ARGV[3], telling = ARGV[5], user = ARGV[6], info = ARGV[7] }

local value = string.format('%s %s %d\n', member.life, member.telling, #member.user)
  .. member.user .. member.info
local was = redis.call('HGET', members, client)
if was == value then return 0 end

local before = was and parse(was)
redis.call('HSET', members, client, value)
redis.call('SADD', of, client .. ' ' .. channel)
if before and before.life ~= member.life then
  local base = string.sub(of, 1, #of - #member.life)
  redis.call('SREM', base .. before.life, client .. ' ' .. channel)
end
if before and before.user == member.user then return 0 end
if before then count(users, before.user, -1) end
local others = count(users, member.user, 1)
if not silent then tell(line, 'j', member, others) end
return 1
