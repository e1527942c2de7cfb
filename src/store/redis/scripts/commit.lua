-- Changes events, each for itself. ARGV: ..., 5... of each event: its key, the version it must have, the present as it was
-- when that was decided, the number of words of the commands, and those. Answers for each with 1, with 0 if it has another
-- version by now, or with why it failed.
if is_wiped() then
    return { 'wiped' }
end
local told, at = {}, 5
while at <= #ARGV do
    local last = at + 3 + tonumber(ARGV[at + 3])
    if redis.call('HGET', ARGV[at], 'v') == ARGV[at + 1] then
        now = tonumber(ARGV[at + 2])
        -- What is wrong with one must not leave the others half written.
        local is_done, why = pcall(run, at + 4, last)
        told[#told + 1] = is_done and '1' or type(why) == 'table' and why.err or tostring(why)
    else
        told[#told + 1] = '0'
    end
    at = last + 1
end
return done(unpack(told))
