-- Takes in what comes from another store, however often it comes. ARGV: ..., 5 an event's key ('' for none), 6 the number
-- of words of the commands that make it, those commands, and then others that may come again.
if is_wiped() then
    return { 'wiped' }
end
local words = tonumber(ARGV[6])
if words > 0 and redis.call('EXISTS', ARGV[5]) == 0 then
    run(7, 6 + words)
end
run(7 + words)
return done()
