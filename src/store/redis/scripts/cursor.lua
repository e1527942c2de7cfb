-- Moves a cursor. ARGV: ..., 5 its name, 6 whether it is to stand somewhere, 7 where, 8 to where.
if is_wiped() then
    return { 'wiped' }
end
local at = redis.call('GET', key('cursor:' .. ARGV[5]))
if (ARGV[6] == '1') ~= (at ~= false) or (at and at ~= ARGV[7]) then
    return { 'moved' }
end
redis.call('SET', key('cursor:' .. ARGV[5]), ARGV[8])
return done()
