-- Forgets the failures unless it is locked. KEYS[1] as in fail.lua. ARGV: now, the instant up to which all here is void.
-- Answers 1 where it is locked.
local state = redis.call('HMGET', KEYS[1], 'l', 't')
local lock = state[1]
if state[2] and tonumber(state[2]) <= tonumber(ARGV[2]) then
  lock = false
end
if lock and (lock == 'g' or tonumber(ARGV[1]) < tonumber(lock)) then
  return 1
end
redis.call('DEL', KEYS[1])
return 0
