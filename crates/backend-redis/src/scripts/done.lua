-- All that a life had entered has been taken back.
--
-- KEYS  1 leases  2 dead
-- ARGV  1 life

redis.call('ZADD', dead, 'XX', number(-clock()), ARGV[1])
return 'OK'
