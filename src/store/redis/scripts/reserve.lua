-- Reserves a dedupe key for an event that is about to be accepted in another shard. ARGV: ..., 5 the key, 6 what it is to
-- hold, 7 ms for which it is held, 8 what it may hold now ('' for nothing). Answers with what else it holds.
if is_wiped() then
    return { 'wiped' }
end
local known = redis.call('GET', ARGV[5]) or ''
if known ~= ARGV[8] then
    return done(known)
end
if ARGV[6] == '' then
    redis.call('DEL', ARGV[5])
else
    redis.call('SET', ARGV[5], ARGV[6], 'PX', ARGV[7])
end
return done('')
