-- A life is over, by the word of its node. What it may have left is for whoever asks next.
--
-- KEYS  1 leases  2 dead
-- ARGV  1 life

redis.call('ZREM', leases, ARGV[1])
redis.call('ZADD', dead, 0, ARGV[1])
return 'OK'
