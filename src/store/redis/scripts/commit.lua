-- Changes events. Words of each change: the event's key, the version it must have, then commands.
if is_wiped() then
    return { 'wiped' }
end
return each(function(first, last)
    if redis.call('HGET', ARGV[first], 'v') ~= ARGV[first + 1] then
        return 'moved'
    end
    run(first + 2, last)
    return 'done'
end)
