-- GCRA. KEYS[1]: the theoretical arrival time of the next request. ARGV: now, interval, interval * burst, in microseconds.
-- Every number is below 2^53, where doubles are exact. Answers whether it is admitted, and two times as rate_limit.rs reads them.
local now = tonumber(ARGV[1])
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
-- What lies further ahead than the quota can have put it counts as an empty quota.
local whole = tonumber(ARGV[3])
arrival = math.min(math.max(arrival, now), now + whole)
local next = arrival + tonumber(ARGV[2])
local admitted_from = next - whole
if now < admitted_from then
  return {0, admitted_from - now, arrival - now}
end
-- Kept a minute longer than needed: the clocks of two nodes are not the same.
local keep = math.ceil((next - now) / 1000) + 60000
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', string.format('%.0f', keep))
return {1, now - admitted_from, next - now}
