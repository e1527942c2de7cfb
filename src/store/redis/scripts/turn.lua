-- Takes a turn of a periodic job. ARGV: ..., 5 its name, 6 ms between turns.
if is_wiped() then
    return { 'wiped' }
end
local last = redis.call('GET', key('turn:' .. ARGV[5]))
if last and tonumber(last) <= now and now - tonumber(last) < tonumber(ARGV[6]) then
    return done('0')
end
redis.call('SET', key('turn:' .. ARGV[5]), ARGV[3])
return done('1')
