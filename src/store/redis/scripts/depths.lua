-- How much there is, all at one moment: a job that goes on meanwhile would be counted twice or not at all. Answers with what
-- is ready by queue, the bytes by source, and how many jobs are leased, blocked, waiting and dead.
if is_wiped() then
    return { 'wiped' }
end
local told = { redis.call('HGETALL', key('ready')), redis.call('HGETALL', key('bytes')) }
for _, set in ipairs({ 'leases', 'kept:blocked', 'kept:waiting', 'kept:dead' }) do
    told[#told + 1] = redis.call('ZCARD', key(set))
end
return done(unpack(told))
