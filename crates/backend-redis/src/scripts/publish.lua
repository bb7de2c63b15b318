-- See the head of this file for what is asked and answered.

local wrong = complaint()
if wrong then return redis.error_reply('ERR trunkline: ' .. wrong) end

local stream, top_key, server_key, done = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local line, data, meta = ARGV[1], ARGV[2], ARGV[10] or ''
local size, bytes = tonumber(given(4) or 10000), tonumber(given(6) or 67108864)
local once = given(9) or (#ARGV < 10 and done and '300000')

if once then
  local was = redis.call('GET', done)
  if was then return '1 ' .. was end
end

-- A text that stands for this moment and `what` alone.
local function fresh(what)
  local time = redis.call('TIME')
  return time[1] .. '.' .. time[2] .. '.' .. redis.sha1hex(what)
end

local now = clock()
local place = '- 0 ' .. START
local record
if size == 0 then
  record = START .. START .. string.format('%013.0f 0 %d\n', now, #meta) .. meta .. data
else
  local known = redis.call('MGET', top_key, server_key)
  local server = known[2]
  if not server then
    -- After a failover the stream may stand at an earlier place than others have seen. The name of
    -- the server's history tells; asking for it is dear, so the answer serves for a moment that is
    -- shorter than any failover takes.
    server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or '0'
    server = string.sub(server, 1, 8)
    redis.call('SET', server_key, server, 'PX', 400)
  end
  local id = given(3) or fresh(data)
  local name = given(8) or string.sub(redis.sha1hex(fresh(top_key .. server)), 1, 16)
  local top = known[1] and parse(known[1]) or begin(stream, name, server, now)
  if top.server == '-' then top.server = server end
  if top.server ~= server then
    -- The history goes on under another name: whoever knows more of the old one sees that it does
    -- not stand in this one.
    local past = top.past .. ' ' .. top.epoch .. ':' .. number(top.offset)
    local _, names = string.gsub(past, ' ', '')
    if names > 16 then past = string.gsub(past, '^ %S+', '') end
    top.past, top.server = past, server
    top.epoch = string.match(top.epoch, '^[^~]+') .. '~' .. server
  end
  local before, offset = top.tag, top.offset + 1
  local ttl = tonumber(given(5) or top.ttl > 0 and top.ttl or 300000)
  local tag = string.sub(redis.sha1hex(before .. id), 1, 16)
  local total = top.total + #meta + #data + OVERHEAD
  record = tag .. before .. string.format('%013.0f %.0f %d\n', now, total, #meta) .. meta .. data
  -- The first write is the one that a full server refuses: nothing else has happened then.
  redis.call('XADD', stream, 'MAXLEN', size, number(offset) .. '-0', 'r', record)
  if top.floor == top.total then top.oldest = now end
  top.offset, top.tag, top.total, top.ttl = offset, tag, total, ttl
  trim(stream, top, bytes, now)
  redis.call('PEXPIRE', stream, ttl)
  redis.call('SET', top_key, render(top), 'PX', math.max(ttl, tonumber(given(7) or 86400000)))
  place = top.epoch .. ' ' .. number(offset) .. ' ' .. tag
end

if once then redis.call('SET', done, place, 'PX', once) end
redis.call('SPUBLISH', line, 'p' .. string.match(place, '^(%S+ %d+)') .. '\n' .. record)
return '0 ' .. place
