-- Writes into the book of a day. ARGV: ..., 5 its name, 6 how long it is kept (ms), then fields and what is added to each.
if is_wiped() then
    return { 'wiped' }
end
local book = key(ARGV[5])
for i = 7, #ARGV, 2 do
    local sum = redis.call('HINCRBY', book, ARGV[i], ARGV[i + 1])
    if sum < 0 then
        redis.call('HSET', book, ARGV[i], '0')
    end
end
redis.call('PEXPIRE', book, ARGV[6])
return done('1')
