#!lua flags=no-writes
-- How many connections, and how many users, are in a channel at one moment.
--
-- KEYS  1 members  2 users

return { redis.call('HLEN', KEYS[1]), redis.call('HLEN', KEYS[2]) }
