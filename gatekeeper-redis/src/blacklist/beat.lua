-- A heartbeat. KEYS[1]: the entries (a hash). ARGV: a channel, and what is said there. Answers whether the entries are
-- complete, as in ask.lua.
redis.call('PUBLISH', ARGV[1], ARGV[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return run and redis.call('HGET', KEYS[1], 'complete') == run and 1 or 0
