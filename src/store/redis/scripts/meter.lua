-- Draws on a meter, or gives back. ARGV: ..., 5 its name, 6 the window (ms), 7 the amount (less than 0 gives back),
-- 8 the limit, 9 how long it is kept (ms), 10 the step of a purchase for which it is, or nothing, 11 the purchase. Answers with
-- 1, or 0 if it does not fit.
if is_wiped() then
    return { 'wiped' }
end
local mark = 'paid:meter:' .. ARGV[5] .. ':' .. ARGV[11]
if not is_due(ARGV[10], mark) then
    return done('1')
end
local meter, window, amount = key('meter:' .. ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local period = string.format('%d', math.floor(now / window))
local known, used = unpack(redis.call('HMGET', meter, 'period', 'used'))
used = (known == period and tonumber(used) or 0) + amount
if amount > 0 and used > tonumber(ARGV[8]) then
    return done('0')
end
redis.call('HSET', meter, 'period', period, 'used', string.format('%d', math.max(used, 0)))
redis.call('PEXPIRE', meter, ARGV[9])
mark_step(ARGV[10], mark, ARGV[9])
return done('1')
