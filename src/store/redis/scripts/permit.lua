-- Permits of a limit, in the home shard of its name. ARGV: ..., 5 what to do: 'take', 6 the name, 7 the limit, 8 how many,
-- 9 until when, 10 the number of the first; 'hold', 6 the name, 7 which, 8 until when; 'give', 6 the
-- name, 7... which; or 'bury', 6 whose. Answers with how many.
if is_wiped() then
    return { 'wiped' }
end
outlast()
local wish, count = ARGV[5], 0
if wish == 'take' then
    local permits = key('permits:' .. ARGV[6])
    redis.call('ZREMRANGEBYSCORE', permits, '-inf', now)
    local wanted, members = tonumber(ARGV[8]), {}
    for n = 1, wanted do
        members[n] = process .. '/' .. string.format('%d', tonumber(ARGV[10]) + n - 1)
    end
    -- Who had no answer says the same again.
    in_parts(members, function(...)
        redis.call('ZREM', permits, ...)
    end)
    count = math.max(math.min(tonumber(ARGV[7]) - redis.call('ZCARD', permits), wanted), 0)
    for n = 1, count do
        redis.call('ZADD', permits, ARGV[9], members[n])
    end
    redis.call('SADD', key('permits'), ARGV[6])
    if count < wanted then
        redis.call('SADD', key('asleep'), process)
    end
elseif wish == 'hold' then
    redis.call('ZADD', key('permits:' .. ARGV[6]), 'XX', ARGV[8], ARGV[7])
elseif wish == 'give' then
    for at = 7, #ARGV do
        count = count + redis.call('ZREM', key('permits:' .. ARGV[6]), ARGV[at])
    end
else
    for _, name in ipairs(redis.call('SMEMBERS', key('permits'))) do
        local permits = key('permits:' .. name)
        for _, permit in ipairs(redis.call('ZRANGE', permits, 0, -1)) do
            if string.match(permit, '^(.*)/%d+$') == ARGV[6] then
                count = count + redis.call('ZREM', permits, permit)
            end
        end
        if redis.call('EXISTS', permits) == 0 then
            redis.call('SREM', key('permits'), name)
        end
    end
end
if wish ~= 'take' and count > 0 then
    ring()
end
return done(tostring(count))
