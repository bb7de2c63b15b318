-- Changes a note beside a channel, if it is as its maker believes, and may publish into the channel
-- in the same step.
--
-- KEYS  1 to 4 as for publishing     5 notes   6 due
-- ARGV  1 to 10 as for publishing    11 field   12 version it must have, '-' none, '*' any
--       13 '1' if it must be due     14 '1' to keep it, '0' to remove it
--       15 '@MS' when it is due, '+MS' from now, '' never          16 value
--       17 '1' to publish            18 notes that may be here
-- Answers {'made', VERSION, DUE or '-', what publishing answers or ''}, {'refused', note or ''},
-- {'early', note} or {'full'}.
--
-- Notes of a partition are kept as follows, those of internal channels in a hash and a set of their own:
--
--   notes  hash: CHANNEL ' ' NAME -> VERSION ' ' DUE ' ' VALUE, and '' -> the last version
--   due    sorted set of CHANNEL ' ' NAME by DUE, in ms

local function given(at)
  local value = ARGV[at]
  if value == '' then value = nil end
  return value
end

-- A node gives all arguments, and is believed.
local function complaint()
  return nil
end
