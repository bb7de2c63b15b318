-- A node lives. Answers what is known of its life: 'RENEWED', or 'NEW' if nothing was, or 'DEAD' if
-- it is over for good.
--
-- KEYS  1 leases  2 dead
-- ARGV  1 life  2 ms the lease lasts

local known = redis.call('ZSCORE', leases, ARGV[1])
if not known and redis.call('ZSCORE', dead, ARGV[1]) then return 'DEAD' end
redis.call('ZADD', leases, number(clock() + tonumber(ARGV[2])), ARGV[1])
return known and 'RENEWED' or 'NEW'
