-- Looks through the notes of a partition that are due at some time.
--
-- KEYS  1 notes  2 due
-- ARGV  1 due of the note to start behind, '' for the first   2 its field
--       3 '1' for those that are due now only                 4 how many at most
-- Answers {now, when the first one behind them is due or '', {field, note, field, note, …}}.

local notes, due_key = KEYS[1], KEYS[2]
local after, member, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = ARGV[3] == '1' and now or math.huge
local start = after and redis.call('ZCOUNT', due_key, '-inf', '(' .. ARGV[1]) or 0

local page, behind = {}, ''
while behind == '' do
  local rows = redis.call('ZRANGE', due_key, start, start + limit, 'WITHSCORES')
  for nth = 1, #rows, 2 do
    local field, due = rows[nth], tonumber(rows[nth + 1])
    if not (after and due == after and field <= member) then
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
  end
  if #rows < 2 * (limit + 1) then break end
  start = start + limit + 1
end
return { string.format('%.0f', now), behind, page }
