-- Guards the filling of the entries. KEYS[1]: the entries (a hash). ARGV: begin or end, the node, for how many seconds it
-- has the work to itself, how long to keep it all in milliseconds. Answers 1 where it may go on, or has ended well.
--
-- The claim lies among the entries: where they are lost meanwhile, so is it, and the end does not call complete what is not.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if not run then
  return 0
end
local now = tonumber(redis.call('TIME')[1])
local claim = redis.call('HGET', KEYS[1], 'filling')
if ARGV[1] == 'begin' then
  if claim then
    local since, of_run = string.match(claim, '^(%d+) (%x+) ')
    local age = now - tonumber(since or 0)
    if of_run == run and age >= 0 and age < tonumber(ARGV[3]) then
      return 0
    end
  end
  redis.call('HSET', KEYS[1], 'filling', string.format('%.0f %s %s', now, run, ARGV[2]))
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
  return 1
end
local of_run, of_node = string.match(claim or '', '^%d+ (%x+) (%S+)$')
if of_run ~= run or of_node ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'complete', run)
redis.call('HDEL', KEYS[1], 'filling')
return 1
