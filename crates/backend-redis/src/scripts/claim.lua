-- Ends the lives whose leases have run out, and gives whoever asks some to take back what they had
-- entered: those that nobody has, or whose janitor has had them for too long.
--
-- KEYS  1 leases  2 dead
-- ARGV  1 ms they are the asker's  2 how many at most  3 ms it is remembered that it was done

local now = clock()
for _, life in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', number(now))) do
  redis.call('ZREM', leases, life)
  redis.call('ZADD', dead, 0, life)
end
redis.call('ZREMRANGEBYSCORE', dead, '(' .. number(tonumber(ARGV[3]) - now), '(0')
local claimed = redis.call('ZRANGEBYSCORE', dead, 0, number(now), 'LIMIT', 0, ARGV[2])
for _, life in ipairs(claimed) do
  redis.call('ZADD', dead, number(now + tonumber(ARGV[1])), life)
end
return claimed
