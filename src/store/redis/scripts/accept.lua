-- Takes in one event, unless one of its keys is known. ARGV: ..., 5 how long keys are remembered in ms, 6 the event that
-- is known to be suspected of being repeated ('' if none), 7 the number of keys, then of each its name and what a match
-- means, then commands. A key holds the event, when it came, and its shard.
if is_wiped() then
    return { 'wiped' }
end
local own = string.match(tag, ':(%d+)}$')
local keys = tonumber(ARGV[7])
local suspect = ''
for n = 1, keys do
    local known = redis.call('GET', ARGV[6 + 2 * n])
    if known then
        local event, at, shard = string.match(known, '^(%x+) (%d+) (%d+)')
        local remembered = now - tonumber(at) < tonumber(ARGV[5])
        if remembered and shard ~= own then
            if ARGV[7 + 2 * n] == 'duplicate' then
                return { 'elsewhere', known, ARGV[6 + 2 * n] }
            end
            suspect = event
        -- A key may outlive the record of its event; then nothing can be said of it, and the delivery is new.
        elseif remembered and redis.call('EXISTS', key('event:' .. event)) == 1 then
            if ARGV[7 + 2 * n] == 'duplicate' then
                return { 'known', event }
            end
            suspect = event
        end
    end
end
if suspect ~= '' and suspect ~= ARGV[6] then
    return { 'suspect', suspect }
end
run(8 + 2 * keys)
return done()
