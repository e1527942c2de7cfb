-- Changes events, each for itself. ARGV: ..., 5... of each event: its key, the version it must have ('' if it must not be
-- there), the present as it was when that was decided, the number of words of the commands, and those. Answers with 1 or 0
-- for each: 0 if it has another version.
if is_wiped() then
    return { 'wiped' }
end
local told, at = {}, 5
while at <= #ARGV do
    local last = at + 3 + tonumber(ARGV[at + 3])
    if (redis.call('HGET', ARGV[at], 'v') or '') == ARGV[at + 1] then
        now = tonumber(ARGV[at + 2])
        run(at + 4, last)
        told[#told + 1] = '1'
    else
        told[#told + 1] = '0'
    end
    at = last + 1
end
return done(unpack(told))
