-- A connection has left a channel, if one of this node is in it: in whatever life it was entered.
--
-- KEYS  1 members  2 users  3 of
-- ARGV  1 line  2 client  3 life  4 channel  5 id of the node
--       6 '1' if everybody has heard of it already

local members, users, of = KEYS[1], KEYS[2], KEYS[3]
local line, client, life, channel, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local value = redis.call('HGET', members, client)
if not value then return 0 end
local member = parse(value)
if string.sub(member.life, 1, #node + 1) ~= node .. '~' then return 0 end

redis.call('HDEL', members, client)
redis.call('SREM', string.sub(of, 1, #of - #life) .. member.life, client .. ' ' .. channel)
local others = count(users, member.user, -1)
if ARGV[6] ~= '1' then tell(line, 'l', member, others) end
return 1
