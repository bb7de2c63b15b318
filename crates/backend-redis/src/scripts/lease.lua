#!lua flags=allow-oom
-- What the scripts about lives of nodes share. They are kept as
--
--   leases  sorted set: life -> the ms at which it is over
--   dead    sorted set of lives that are over. A score from 0 on: until then somebody is taking back
--           what it had entered. One below 0: that was finished at this time, negated. These stay for
--           a while, so that whoever was taken for dead can tell it from lost data.

local leases, dead = KEYS[1], KEYS[2]

local function number(value)
  return string.format('%.0f', value)
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
