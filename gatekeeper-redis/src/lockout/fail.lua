-- Counts a failure. KEYS[1]: a hash of f (failures), l (the last lock: g for good, or an instant), t (the last failure).
-- ARGV: now, failures known elsewhere, the instant up to which everything here is void, how long to keep it in
-- milliseconds, the threshold, the hard limit, and how long each lock lasts from the threshold on; the last for all further
-- ones. Instants are in microseconds, below 2^53. Answers '0' where it is locked, '1' and the failures where it was
-- counted, '2', the failures and the lock where that locked it.
local now = tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'f', 'l', 't')
local failures, lock = tonumber(state[1] or 0), state[2]
if state[3] and tonumber(state[3]) <= tonumber(ARGV[3]) then
  failures, lock = 0, false
end
if lock and (lock == 'g' or now < tonumber(lock)) then
  return {'0'}
end
failures = math.max(failures, tonumber(ARGV[2])) + 1
local threshold, hard = tonumber(ARGV[5]), tonumber(ARGV[6])
local locked = false
if failures >= hard then
  locked = 'g'
elseif failures >= threshold then
  local delay = ARGV[math.min(7 + failures - threshold, #ARGV)]
  locked = string.format('%.0f', now + tonumber(delay))
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'f', failures, 't', ARGV[1])
if locked or lock then
  redis.call('HSET', KEYS[1], 'l', locked or lock)
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if locked then
  return {'2', string.format('%.0f', failures), locked}
end
return {'1', string.format('%.0f', failures)}
