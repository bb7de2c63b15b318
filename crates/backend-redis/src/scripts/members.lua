#!lua flags=no-writes
-- Who is in a channel: all, or some if they are too many.
--
-- KEYS  1 members
-- ARGV  1 how many at most

local most = tonumber(ARGV[1])
if redis.call('HLEN', KEYS[1]) <= most then return redis.call('HVALS', KEYS[1]) end
local values = {}
for nth, part in ipairs(redis.call('HRANDFIELD', KEYS[1], most, 'WITHVALUES')) do
  if nth % 2 == 0 then values[#values + 1] = part end
end
return values
