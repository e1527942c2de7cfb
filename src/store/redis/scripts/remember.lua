-- Remembers a key of an event that was accepted in another shard. ARGV: ..., 5 the key, 6 what it holds, 7 for how long (ms).
if is_wiped() then
    return { 'wiped' }
end
redis.call('SET', ARGV[5], ARGV[6], 'PX', ARGV[7])
return done()
