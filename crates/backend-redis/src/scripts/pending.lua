-- Looks through the notes of a partition that are due at some time.
--
-- KEYS  1 notes  2 due
-- ARGV  1 due of the note to start behind, '' for the first   2 its field
--       3 '1' for those that are due now only                 4 how many at most
-- Answers {now, when the first one behind them is due or '', {field, note, field, note, …}}.

local notes, due_key = KEYS[1], KEYS[2]
local after, member, limit = ARGV[1], ARGV[2], tonumber(ARGV[4])

-- By bytes, as the set orders what is due at the same time: `<` goes by the locale of the server.
local function is_behind(field)
  for at = 1, #field do
    local one, other = string.byte(field, at, at), string.byte(member, at, at)
    if one ~= other then return not other or one > other end
  end
  return false
end

-- Where to start: its note may be gone, and a million may be due when it was. So it is found by
-- halving, whether it is there or not.
local start = 0
if after ~= '' then
  start = redis.call('ZCOUNT', due_key, '-inf', '(' .. after)
  local stop = redis.call('ZCOUNT', due_key, '-inf', after)
  while start < stop do
    local middle = math.floor((start + stop) / 2)
    if is_behind(redis.call('ZRANGE', due_key, middle, middle)[1]) then
      stop = middle
    else
      start = middle + 1
    end
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = ARGV[3] == '1' and now or math.huge

local page, behind = {}, ''
while behind == '' do
  local rows = redis.call('ZRANGE', due_key, start, start + limit, 'WITHSCORES')
  for nth = 1, #rows, 2 do
    local field, due = rows[nth], tonumber(rows[nth + 1])
    if due > latest or #page >= 2 * limit then
      behind = string.format('%.0f', due)
      break
    end
    local note = redis.call('HGET', notes, field)
    if note then
      page[#page + 1] = field
      page[#page + 1] = note
    end
  end
  if #rows < 2 * (limit + 1) then break end
  start = start + limit + 1
end
return { string.format('%.0f', now), behind, page }
