-- The last of a process that is gone, when what it was working on was taken back. ARGV: ..., 5 who it was.
if is_wiped() then
    return { 'wiped' }
end
for _, lane in ipairs({ 'critical', 'normal', 'bulk' }) do
    local stream = key('lane:' .. lane)
    if redis.call('EXISTS', stream) == 1 then
        -- Nothing that it read waits there to be acknowledged. Where it cannot be tidied away, since nobody read so far or
        -- the user may not, nothing is lost but a name.
        redis.pcall('XGROUP', 'DELCONSUMER', stream, 'workers', ARGV[5])
    end
end
redis.call('HDEL', key('handed'), ARGV[5])
redis.call('ZREM', key('processes'), ARGV[5])
return done()
