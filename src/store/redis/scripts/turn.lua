-- Takes a turn of a periodic job. ARGV: ..., 5 its name, 6 ms between turns.
if is_wiped() then
    return { 'wiped' }
end
local last = redis.call('GET', key('turn:' .. ARGV[5]))
-- The last one may seem to come, as clocks of processes differ a little; one that was set back is not waited for.
if last and math.abs(now - tonumber(last)) < tonumber(ARGV[6]) then
    return done('0')
end
redis.call('SET', key('turn:' .. ARGV[5]), ARGV[3])
return done('1')
