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
