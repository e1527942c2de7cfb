-- Pauses, or ends a pause. ARGV: ..., 5 what, 6 whether.
if is_wiped() then
    return { 'wiped' }
end
if ARGV[6] == '1' then
    redis.call('SADD', key('paused'), ARGV[5])
else
    redis.call('SREM', key('paused'), ARGV[5])
    ring()
end
return done()
