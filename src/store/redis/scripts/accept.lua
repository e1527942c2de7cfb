-- Takes in events, each unless one of its keys is known, or itself. Words of each: the event, how long keys are remembered in
-- ms, the event that is known to be suspected of being repeated ('' if none), the number of keys, then of each its name and
-- what a match means, then commands. A key holds the event, when it came, and its shard.
if is_wiped() then
    return { 'wiped' }
end
local own = string.match(tag, ':(%d+)}$')
return each(function(first, last)
    local memory, suspected, keys = tonumber(ARGV[first + 1]), ARGV[first + 2], tonumber(ARGV[first + 3])
    local suspect = ''
    -- The words came once before, and the answer was lost. Where there is a key it tells.
    if keys == 0 and redis.call('EXISTS', key('event:' .. ARGV[first])) == 1 then
        return 'known ' .. ARGV[first]
    end
    for n = 1, keys do
        local name, on_match = ARGV[first + 2 + 2 * n], ARGV[first + 3 + 2 * n]
        local known = redis.call('GET', name)
        if known then
            local event, at, shard = string.match(known, '^(%x+) (%d+) (%d+)')
            local remembered = now - tonumber(at) < memory
            if remembered and shard ~= own then
                if on_match == 'duplicate' then
                    return 'elsewhere ' .. n .. ' ' .. known
                end
                suspect = event
            -- A key may outlive the record of its event; then nothing can be said of it, and the delivery is new.
            elseif remembered and redis.call('EXISTS', key('event:' .. event)) == 1 then
                if on_match == 'duplicate' then
                    return 'known ' .. event
                end
                suspect = event
            end
        end
    end
    if suspect ~= '' and suspect ~= suspected then
        return 'suspect ' .. suspect
    end
    run(first + 4 + 2 * keys, last)
    return 'done'
end)
