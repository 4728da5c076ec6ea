-- Keeps entries and tells nodes of them. KEYS: the entries (a hash), their ids by expiry (a sorted set). ARGV: the instant up
-- to which what has expired goes, how long to keep it all in milliseconds, the channel, the message (empty: nobody is told),
-- then the id and the record of each. Records are as in entry.rs. Numbers are below 2^53.
local entries, index = KEYS[1], KEYS[2]
local RECORD = 56

for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', ARGV[1], 'LIMIT', 0, 128)) do
  redis.call('ZREM', index, id)
  redis.call('HDEL', entries, id)
end

local function covers(a, b) -- Whether one record says all that the other does.
  local until_a, _, expires_a = struct.unpack('>i8i8i8', a)
  local until_b, _, expires_b = struct.unpack('>i8i8i8', b)
  return until_a >= until_b and expires_a >= expires_b
end

for at = 5, #ARGV, 2 do
  local id, new = ARGV[at], ARGV[at + 1]
  local old = redis.call('HGET', entries, id) or ''
  local kept, known = {}, false
  for from = 1, #old - RECORD + 1, RECORD do
    local one = string.sub(old, from, from + RECORD - 1)
    known = known or covers(one, new)
    if not covers(new, one) then
      kept[#kept + 1] = one
    end
  end
  if not known then
    kept[#kept + 1] = new
    redis.call('HSET', entries, id, table.concat(kept))
  end
  local _, _, expires = struct.unpack('>i8i8i8', new)
  if expires > tonumber(redis.call('ZSCORE', index, id) or '-inf') then
    redis.call('ZADD', index, string.format('%.0f', expires), id)
  end
end

for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
if ARGV[4] ~= '' then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return 1
