-- Looks through the notes of a partition that are due at some time.
--
-- KEYS  1 notes  2 due
-- ARGV  1 due of the row to start behind, '' for the first   2 its field
--       3 '1' for those that are due now only                4 how many rows at most
-- Answers {now, when the first row behind them is due or '', how many rows there were, due of the last
-- one or '', its field, {field, note, field, note, …}}. Rows of which there is no such note are rows
-- all the same: whoever goes on behind the last one passes them.

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

-- Where to start: that row may be gone, and a million may be due when it was. So it is found by
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

local page, behind, looked = {}, '', 0
local last_due, last_field = '', ''
local rows = redis.call('ZRANGE', due_key, start, start + limit, 'WITHSCORES')
for nth = 1, #rows, 2 do
  local field, due = rows[nth], tonumber(rows[nth + 1])
  if due > latest or looked >= limit then
    behind = string.format('%.0f', due)
    break
  end
  looked, last_field, last_due = looked + 1, field, rows[nth + 1]
  local note = redis.call('HGET', notes, field)
  -- Whoever went on behind a note that says another time than its row would be led astray.
  if note and tonumber(string.match(note, '^%d+ (%d+) ')) == due then
    page[#page + 1] = field
    page[#page + 1] = note
  end
end
return { string.format('%.0f', now), behind, looked, last_due, last_field, page }
