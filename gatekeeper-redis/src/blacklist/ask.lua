-- What is known of ids. KEYS[1]: the entries (a hash). ARGV: ids. Answers whether the entries are complete, then the records
-- of each id.
--
-- They are complete where a node has written everything since this very process began to serve: one that came back with an
-- old copy of its data, or took over from another without the last of its writes, has another run_id.
local found = redis.call('HMGET', KEYS[1], 'complete', unpack(ARGV))
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
found[1] = run and found[1] == run and '1' or '0'
for at = 2, #found do
  found[at] = found[at] or ''
end
return found
