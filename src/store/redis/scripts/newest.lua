-- Who is the newest waiting of a key. ARGV: ..., 5 the key, 6 who. Answers with whom it takes the place of, however often
-- it is asked.
if is_wiped() then
    return { 'wiped' }
end
local newest = key('newest:' .. ARGV[5])
local now_is, was = unpack(redis.call('HMGET', newest, 'is', 'was'))
if now_is ~= ARGV[6] then
    was = now_is or ''
    redis.call('HSET', newest, 'is', ARGV[6], 'was', was)
end
return done(was)
