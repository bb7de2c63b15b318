-- Takes back some of what a life that is over had entered in a partition, unless somebody else has
-- entered it since. Answers how many are left.
--
-- KEYS  1 of
-- ARGV  1 life  2 how many at most
--       3, 4, 5 what stands before the channel in the names of members, users and the line: which
--       channels they are is known here only, and all of them are of the partition of KEYS[1]

local of, life = KEYS[1], ARGV[1]
for _, entry in ipairs(redis.call('SRANDMEMBER', of, ARGV[2])) do
  local client, channel = string.sub(entry, 1, 36), string.sub(entry, 38)
  local members, users, line = ARGV[3] .. channel, ARGV[4] .. channel, ARGV[5] .. channel
  local value = redis.call('HGET', members, client)
  local member = value and parse(value)
  if member and member.life == life then
    redis.call('HDEL', members, client)
    tell(line, 'l', member, count(users, member.user, -1))
  end
  redis.call('SREM', of, entry)
end
return redis.call('SCARD', of)
