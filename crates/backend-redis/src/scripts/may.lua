-- Says which commands of our scripts this user may not run, separated by blanks; '' if all.
--
-- ARGV  1 stream  2 top  3 server  4 done  5 line: names as a channel has them, given as arguments
--       because nothing is read or written, be it kept here or not     6 '1' if copies are awaited
--       7 members  8 users  9 what a node has entered  10 leases  11 notes  12 due

local stream, top, server, done, line = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local members, users, entered, leases = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local notes, due = ARGV[11], ARGV[12]
local refused = {}

local function needs(name, ...)
  if not redis.acl_check_cmd(name, ...) then refused[#refused + 1] = name end
end

needs('TIME')
needs('INFO', 'replication')
needs('GET', done)
needs('MGET', top, server)
needs('SET', top, '')
needs('SET', server, '')
needs('SET', done, '')
needs('XADD', stream, '1-0', 'r', '')
needs('XRANGE', stream, '-', '+')
needs('XREVRANGE', stream, '+', '-')
needs('XTRIM', stream, 'MINID', '0')
needs('XDEL', stream, '1-0')
needs('PEXPIRE', stream, '1')
needs('DEL', stream)
needs('PTTL', top)
needs('HSET', members, 'a', '')
needs('HGET', members, 'a')
needs('HDEL', members, 'a')
needs('HLEN', members)
needs('HVALS', members)
needs('HRANDFIELD', members, '1', 'WITHVALUES')
needs('HINCRBY', users, 'a', '1')
needs('SADD', entered, 'a')
needs('SREM', entered, 'a')
needs('SCARD', entered)
needs('SSCAN', entered, '0')
needs('SRANDMEMBER', entered, '1')
needs('ZADD', leases, '1', 'a')
needs('ZSCORE', leases, 'a')
needs('ZREM', leases, 'a')
needs('ZRANGEBYSCORE', leases, '0', '1')
needs('ZREMRANGEBYSCORE', leases, '0', '1')
needs('HSET', notes, 'a', '')
needs('HGET', notes, 'a')
needs('HDEL', notes, 'a')
needs('HLEN', notes)
needs('HINCRBY', notes, '', '1')
needs('ZADD', due, '1', 'a')
needs('ZREM', due, 'a')
needs('ZRANGE', due, '0', '1', 'WITHSCORES')
needs('ZCOUNT', due, '0', '1')
needs('SPUBLISH', line, '')
if ARGV[6] == '1' then needs('WAIT', '0', '0') end
return table.concat(refused, ' ')
