-- Writes into the book of a day. ARGV: ..., 5 its name, 6 how long it is kept (ms), 7 the step of a purchase for which that is, or
-- nothing, 8 the purchase, then fields and what is added to each.
if is_wiped() then
    return { 'wiped' }
end
local mark = 'paid:' .. ARGV[5] .. ':' .. ARGV[8]
if not is_due(ARGV[7], mark) then
    return done('1')
end
local book = key(ARGV[5])
for i = 9, #ARGV, 2 do
    local sum = redis.call('HINCRBY', book, ARGV[i], ARGV[i + 1])
    if sum < 0 then
        redis.call('HSET', book, ARGV[i], '0')
    end
end
redis.call('PEXPIRE', book, ARGV[6])
mark_step(ARGV[7], mark, ARGV[6])
return done('1')
