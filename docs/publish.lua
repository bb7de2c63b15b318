-- Publishes into a channel of Trunkline: gives a message its place, keeps it, and tells all nodes, in
-- one step, so that the order of the stream is the order in which nodes hear of it. Nodes run this
-- script, and so may anybody else; docs/redis.md has examples.
--
-- KEYS  1 PREFIX:{TAG}:stream:CHANNEL   2 PREFIX:{TAG}:top:CHANNEL   3 PREFIX:{TAG}:server:
--       4 PREFIX:{TAG}:done:CHANNEL/KEY, where KEY is an idempotency key; left out without one
--       TAG is the first two digits of the SHA-1 of CHANNEL in hexadecimal, PREFIX redis.prefix.
-- ARGV  1 PREFIX:{TAG}:line:CHANNEL     2 data
--       The others may be left out, or be empty:
--       3 id of the message, never used again  (the time, and the SHA-1 of data)
--       4 publications kept, 0 for none        (10000)
--       5 ms they are kept                     (as before; 300000 in a new stream)
--       6 bytes they may weigh                 (67108864)
--       7 ms the place of an idle stream is remembered       (86400000)
--       8 name of a new stream, never used again             (made from the time)
--       9 ms the outcome of an idempotent call is remembered (300000)
--      10 what nodes add to a message; for nodes only
-- Answers "DUPLICATE EPOCH OFFSET TAG"; epoch "-" and offset 0 where nothing is kept.

local function given(at)
  local value = ARGV[at]
  if value == '' then value = nil end
  return value
end

-- What is wrong with a call. A node gives all arguments, and is believed.
local function complaint()
  if #ARGV == 10 then return nil end
  if #KEYS < 3 or #KEYS > 4 or #ARGV < 2 or #ARGV > 10 then
    return 'wants 3 keys, or 4 to be idempotent, and 2 to 9 arguments'
  end
  local prefix, tag, channel = string.match(KEYS[1], '^([^{]+):{(%x%x)}:stream:(.+)$')
  if not channel then return 'the first key is not PREFIX:{TAG}:stream:CHANNEL' end
  if #channel > 255 or string.find(channel, '[^!-~]') or string.find(channel, '[*&/{}]')
    or string.find(channel, '^%$?:') then
    return 'this is no name of a channel'
  end
  if tag ~= string.sub(redis.sha1hex(channel), 1, 2) then
    return 'the tag of this channel is ' .. string.sub(redis.sha1hex(channel), 1, 2)
  end
  local begin = prefix .. ':{' .. tag .. '}:'
  if KEYS[2] ~= begin .. 'top:' .. channel or KEYS[3] ~= begin .. 'server:' then
    return 'the keys are not stream, top and server of one channel'
  end
  if ARGV[1] ~= begin .. 'line:' .. channel then
    return 'the first argument is not the line of the channel'
  end
  if KEYS[4] then
    local done = begin .. 'done:' .. channel .. '/'
    local length = #KEYS[4] - #done
    if string.sub(KEYS[4], 1, #done) ~= done or length < 1 or length > 128 then
      return 'the fourth key is not PREFIX:{TAG}:done:CHANNEL/KEY, with 1 to 128 bytes of KEY'
    end
  elseif given(9) then
    return 'an outcome is remembered under a fourth key'
  end
  if ARGV[2] == '' then return 'data is empty' end
  -- Half of what may wait for a client by default: more might never reach anybody.
  if #ARGV[2] > 524288 then return 'data is longer than 524288 bytes' end
  for _, at in ipairs({ 4, 5, 6, 7, 9 }) do
    local number = given(at)
    if number and (not string.find(number, '^%d+$') or #number > 15
      or (at ~= 4 and tonumber(number) == 0)) then
      return 'argument ' .. at .. ' is no whole number, or too large or small'
    end
  end
  local name = given(8)
  if name and (#name > 64 or string.find(name, '[^%w]')) then
    return 'the name of a stream is 1 to 64 letters and digits'
  end
  return nil
end

-- What the scripts about streams share. A stream is kept as
--
--   KEYS.stream  a Redis stream whose ids are OFFSET-0 and whose entries are records:
--                TAG(16) BEFORE(16) TIME_MS(13) ' ' TOTAL ' ' META_BYTES '\n' META DATA
--                TOTAL counts the weights of all records ever placed, this one included.
--   KEYS.top     one text: EPOCH OFFSET TAG TOTAL FLOOR OLDEST TTL SERVER {' ' EPOCH:SHARED}
--                FLOOR is at most the TOTAL before the oldest record, and OLDEST at most its time:
--                as long as they do not call for trimming nothing has to be read.

local OVERHEAD = 160
local START = '0000000000000000'

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function parse(text)
  local epoch, offset, tag, total, floor, oldest, ttl, server, past =
    string.match(text, '^(%S+) (%d+) (%x+) (%d+) (%d+) (%d+) (%d+) (%S+)(.*)$')
  return {
    epoch = epoch, offset = tonumber(offset), tag = tag, total = tonumber(total),
    floor = tonumber(floor), oldest = tonumber(oldest), ttl = tonumber(ttl),
    server = server, past = past,
  }
end

local function render(top)
  return table.concat({
    top.epoch, number(top.offset), top.tag, number(top.total), number(top.floor),
    number(top.oldest), number(top.ttl), top.server,
  }, ' ') .. top.past
end

-- A stream that nobody has published into. What may be left of an earlier one is not its past.
local function begin(stream, epoch, server, now)
  redis.call('DEL', stream)
  return {
    epoch = epoch, offset = 0, tag = START, total = 0, floor = 0, oldest = now, ttl = 0,
    server = server, past = '',
  }
end

-- Drops records that are too old, or together too heavy; true if that has moved the floor.
local function trim(stream, top, bytes, now)
  local light = not bytes or top.total - top.floor <= bytes
  if light and now - top.oldest < top.ttl then
    return false
  end
  while true do
    local records = redis.call('XRANGE', stream, '-', '+', 'COUNT', 64)
    local gone
    for _, entry in ipairs(records) do
      local record = entry[2][2]
      local time = tonumber(string.sub(record, 33, 45))
      local total, meta, rest = string.match(record, '^ (%d+) (%d+)\n()', 46)
      local before = tonumber(total) - (#record - rest + 1) - OVERHEAD
      if now - time < top.ttl and not (bytes and top.total - before > bytes) then
        if gone then redis.call('XTRIM', stream, 'MINID', entry[1]) end
        top.floor, top.oldest = before, time
        return true
      end
      gone = true
    end
    if #records < 64 then
      if gone then redis.call('DEL', stream) end
      top.floor, top.oldest = top.total, now
      return true
    end
    redis.call('XTRIM', stream, 'MINID', records[#records][1])
    redis.call('XDEL', stream, records[#records][1])
  end
end

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
