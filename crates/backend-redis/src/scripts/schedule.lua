-- Schedules a publication of Trunkline, or takes it back: nodes publish it when it is due, once. May be
-- run by anybody while no node is up; docs/redis.md has an example.
--
-- KEYS  1 PREFIX:{TAG}:notes:   2 PREFIX:{TAG}:due:
--       TAG is the first two digits of the SHA-1 of CHANNEL in hexadecimal, PREFIX redis.prefix.
-- ARGV  1 CHANNEL
--       2 id: 1 to 128 letters, digits and signs, without blanks. A second call with the same one in
--         the same channel schedules it anew
--       3 when: '@MS' in milliseconds since 1970, or '+MS' from now, by the clock of this server
--       4 what: a JSON object {"data": …} with, if need be, "tags": {…}, "skip_history": true, and
--         "late_ms": N to drop it rather than publish it later than that. Left out or empty to take
--         it back
-- Answers when it is due, in milliseconds since 1970; 'cancelled' or 'not_found' when it is taken
-- back; 'already_fired' if it was published in the last 10 minutes, and then nothing was done.

local function complaint()
  if #KEYS ~= 2 or #ARGV < 3 or #ARGV > 4 then return 'wants 2 keys, and 3 or 4 arguments' end
  local channel, id = ARGV[1], ARGV[2]
  if #channel < 1 or #channel > 255 or string.find(channel, '[^!-~]')
    or string.find(channel, '[*&/{}]') or string.find(channel, '^%$?:') then
    return 'the first argument is no name of a channel'
  end
  if string.find(channel, '^%$%$') then return 'nothing is scheduled in an internal channel' end
  if #id < 1 or #id > 128 or string.find(id, '[^!-~]') then
    return 'the id is 1 to 128 letters, digits and signs'
  end
  local prefix, tag = string.match(KEYS[1], '^([^{]+):{(%x%x)}:notes:$')
  if not prefix or KEYS[2] ~= prefix .. ':{' .. tag .. '}:due:' then
    return 'the keys are not PREFIX:{TAG}:notes: and PREFIX:{TAG}:due: of one channel'
  end
  if tag ~= string.sub(redis.sha1hex(channel), 1, 2) then
    return 'the tag of this channel is ' .. string.sub(redis.sha1hex(channel), 1, 2)
  end
  local what = ARGV[4] or ''
  if what == '' then return nil end
  if not string.find(ARGV[3], '^[@+]%d+$') or #ARGV[3] > 15 then return 'when is @MS or +MS' end
  if #what > 524288 then return 'what is longer than 524288 bytes' end
  local read, object = pcall(cjson.decode, what)
  if not read or type(object) ~= 'table' or (object.data == nil and object.b64data == nil) then
    return 'what is no JSON object with data'
  end
  return nil
end

local wrong = complaint()
if wrong then return redis.error_reply('ERR trunkline: ' .. wrong) end

local notes, due_key, when, what = KEYS[1], KEYS[2], ARGV[3], ARGV[4] or ''
local field = ARGV[1] .. ' schedule:' .. ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local present = redis.call('HGET', notes, field)
if present and string.find(present, '^%d+ %S+ {"fired":true}$') then return 'already_fired' end
if what == '' then
  if not present then return 'not_found' end
  redis.call('HINCRBY', notes, '', 1)
  redis.call('HDEL', notes, field)
  redis.call('ZREM', due_key, field)
  return 'cancelled'
end
local due = tonumber(string.sub(when, 2))
if string.sub(when, 1, 1) == '+' then due = now + due end
if due < now then return redis.error_reply('ERR trunkline: this time is over') end
if due - now > 31622400000 then
  return redis.error_reply('ERR trunkline: this time is more than a year ahead')
end
if not present and redis.call('HLEN', notes) > 15625 then
  return redis.error_reply('ERR trunkline: too much is scheduled')
end
local version = redis.call('HINCRBY', notes, '', 1)
local text = string.format('%.0f', due)
redis.call('HSET', notes, field, string.format('%.0f', version) .. ' ' .. text .. ' ' .. what)
redis.call('ZADD', due_key, text, field)
return text
