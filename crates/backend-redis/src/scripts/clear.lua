-- Forgets the records of a stream; its name and numbers go on.
--
-- KEYS  1 stream  2 top

local text = redis.call('GET', KEYS[2])
redis.call('DEL', KEYS[1])
if text then
  local top = parse(text)
  top.floor, top.oldest = top.total, clock()
  redis.call('SET', KEYS[2], render(top), 'KEEPTTL')
end
return 'OK'
