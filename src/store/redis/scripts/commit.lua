-- Changes one event. ARGV: ..., 5 its key, 6 the version it must have ('' if it must not be there), 7... commands.
if is_wiped() then
    return { 'wiped' }
end
if (redis.call('HGET', ARGV[5], 'v') or '') ~= ARGV[6] then
    return { 'moved' }
end
run(7)
return done()
