-- Until when leases are held. ARGV: ..., 5... of each the event's key, the job's number, its member and the token. Answers
-- for each with that time, or '' if it is no longer held.
if is_wiped() then
    return { 'wiped' }
end
outlast()
local told = {}
for at = 5, #ARGV, 4 do
    local lease = redis.call('HGET', ARGV[at], 'w' .. ARGV[at + 1]) or ''
    local is_held = string.match(lease, '^%d+') == ARGV[at + 3]
    told[#told + 1] = is_held and redis.call('ZSCORE', key('leases'), ARGV[at + 2]) or ''
end
return done(unpack(told))
