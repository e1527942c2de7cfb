-- A migration into this shard, to which it is closed for everybody else until it is opened: its epoch is another one for
-- so long. ARGV: ..., 5 the migration's name, 6 what to do: 'begin', 7 what a new shard is known by then; 'whole', 7 what
-- came of it; or 'open'.
local name, wish = ARGV[5], ARGV[6]
local known, step, epoch = unpack(redis.call('HMGET', key('migration'), 'name', 'step', 'epoch'))
local is_new = not known and wish == 'begin' and redis.call('ZCARD', key('events')) == 0
if known ~= name and not is_new then
    return { 'foreign' }
end
if is_new then
    local epoch = redis.call('GET', key('epoch')) or ARGV[7]
    redis.call('HSET', key('migration'), 'name', name, 'step', 'begun', 'epoch', epoch)
    redis.call('SET', key('epoch'), ARGV[2])
elseif wish == 'whole' then
    redis.call('HSET', key('migration'), 'step', 'whole', 'result', ARGV[7])
elseif wish == 'open' and step ~= 'open' then
    redis.call('SET', key('epoch'), epoch)
    redis.call('HSET', key('migration'), 'step', 'open')
end
return done()
