
local notes, due_key, field, expected = KEYS[5], KEYS[6], ARGV[11], ARGV[12]

local present = redis.call('HGET', notes, field)
local version, due
if present then version, due = string.match(present, '^(%d+) (%S+) ') end
if expected ~= '*' and expected ~= (version or '-') then return { 'refused', present or '' } end
local now = clock()
if ARGV[13] == '1' then
  if not present then return { 'refused', '' } end
  if due == '-' or tonumber(due) > now then return { 'early', present } end
end
local keep = ARGV[14] == '1'
if keep and not present and redis.call('HLEN', notes) > tonumber(ARGV[18]) then return { 'full' } end

local place = ''
if ARGV[17] == '1' then
  place = publish()
  if type(place) == 'table' then return place end
end
local next_version = number(redis.call('HINCRBY', notes, '', 1))
local next_due = '-'
if keep then
  local when = ARGV[15]
  if when ~= '' then
    local ms = tonumber(string.sub(when, 2))
    next_due = number(string.sub(when, 1, 1) == '+' and now + ms or ms)
    redis.call('ZADD', due_key, next_due, field)
  elseif due and due ~= '-' then
    redis.call('ZREM', due_key, field)
  end
  redis.call('HSET', notes, field, next_version .. ' ' .. next_due .. ' ' .. ARGV[16])
elseif present then
  redis.call('HDEL', notes, field)
  redis.call('ZREM', due_key, field)
end
return { 'made', next_version, next_due, place }
