-- Holds a lease for longer. ARGV: ..., 5 the event's key, 6 the job's number, 7 its member, 8 the token, 9 until.
if is_wiped() then
    return { 'wiped' }
end
local lease = redis.call('HGET', ARGV[5], 'w' .. ARGV[6])
if not lease or string.match(lease, '^%d+') ~= ARGV[8] then
    return { 'stale' }
end
outlast()
redis.call('ZADD', key('leases'), ARGV[9], ARGV[7])
return done()
