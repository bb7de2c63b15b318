-- Reads a stream and its top at one moment.
--
-- KEYS  1 stream  2 top
-- ARGV  1 offset to start after (before, in reverse), '' for the end   2 records at most
--       3 '1' for newest first     4 bytes the answer may weigh, beyond its first record
--       5 name of a new stream     6 ms the place of an idle stream is remembered
-- Answers {top, tag at the offset or '', {offset, record, offset, record, …}}.

local stream, top_key = KEYS[1], KEYS[2]
local since, limit, reverse = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'

local now = clock()
local text = redis.call('GET', top_key)
local top
if text then
  top = parse(text)
  -- Nodes read what somebody listens to once in a while, so that its place is not forgotten.
  local idle = tonumber(ARGV[6])
  if redis.call('PTTL', top_key) < idle / 2 then redis.call('PEXPIRE', top_key, idle) end
  if trim(stream, top, nil, now) then
    text = render(top)
    redis.call('SET', top_key, text, 'KEEPTTL')
  end
else
  top = begin(stream, ARGV[5], '-', now)
  text = render(top)
  redis.call('SET', top_key, text, 'PX', ARGV[6])
end

local anchor = ''
if since == top.offset then
  anchor = top.tag
elseif since and since < top.offset then
  local near = redis.call('XRANGE', stream, since, since + 1, 'COUNT', 1)[1]
  if near then
    local at = tonumber(string.match(near[1], '^%d+'))
    anchor = string.sub(near[2][2], at == since and 1 or 17, at == since and 16 or 32)
  end
end

local entries = {}
if limit > 0 and top.offset > 0 then
  if reverse then
    local from = '+'
    if since then from = since > 0 and number(since - 1) or nil end
    if from then entries = redis.call('XREVRANGE', stream, from, '-', 'COUNT', limit) end
  elseif not since or since < top.offset then
    local from = since and number(since + 1) or '-'
    entries = redis.call('XRANGE', stream, from, '+', 'COUNT', limit)
  end
end

local page, weight, most = {}, 0, tonumber(ARGV[4])
for nth, entry in ipairs(entries) do
  local record = entry[2][2]
  weight = weight + #record + OVERHEAD
  if nth > 1 and weight > most then break end
  page[#page + 1] = string.match(entry[1], '^%d+')
  page[#page + 1] = record
end
return {text, anchor, page}
