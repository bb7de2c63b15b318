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
