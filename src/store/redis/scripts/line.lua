-- A line: who may go first. ARGV: ..., 5 its key, 6 what to do, 7 who, 8 to whom a place is handed over. Answers with who
-- is at the head then.
if is_wiped() then
    return { 'wiped' }
end
local line, wish, who, heir = key('line:' .. ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
if wish == 'join' and not redis.call('ZSCORE', line, who) then
    redis.call('ZADD', line, redis.call('INCR', key('place')), who)
elseif wish == 'ask' and not redis.call('ZSCORE', line, who) then
    -- Who left its line waits for nobody there.
    return done(who)
elseif wish == 'leave' then
    redis.call('ZREM', line, who)
elseif wish == 'hand over' then
    local place = redis.call('ZSCORE', line, who)
    if place then
        redis.call('ZREM', line, who)
        redis.call('ZADD', line, 'LT', place, heir)
    end
end
return done(redis.call('ZRANGE', line, 0, 0)[1] or '')
