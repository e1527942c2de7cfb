-- A sign of life. ARGV: ..., 5 how long it lasts (ms), 6 how old an errand is that was left behind (ms). Answers with who
-- gave none any more, then '|', then the jobs whose leases are over, each with its token, then '|', then whose errands were
-- left.
if is_wiped() then
    return { 'wiped' }
end
local alive = tonumber(ARGV[5])
outlast()
redis.call('SET', key('pulse'), ARGV[3] .. ' ' .. ARGV[5])
local told = breathe(alive)
told[#told + 1] = '|'
for _, word in ipairs(late_leases()) do
    told[#told + 1] = word
end
told[#told + 1] = '|'
for _, event in ipairs(redis.call('ZRANGEBYSCORE', key('errands'), '-inf', now - tonumber(ARGV[6]), 'LIMIT', 0, 100)) do
    told[#told + 1] = event
end
return done(unpack(told))
