-- Draws on a rate: GCRA, as src/rate/gcra.rs does it. What is owed counts cells times µs, so nothing is rounded. ARGV: ...,
-- 5 its name, 6 cells, 7 within so many µs, 8 how many at once, 9 how many are wanted, 10 how many are given back, 11 when
-- those were drawn (ms), 12 how long a full one is kept (ms), 13 how many are left at most, or nothing. Answers with how many were drawn, and how long (µs) until
-- there is one more.
if is_wiped() then
    return { 'wiped' }
end
local rate, cells, per, burst = key('rate:' .. ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local wanted, back, drawn_at = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]) * 1000
local present = now * 1000
local at, owed, was_full = unpack(redis.call('HMGET', rate, 'at', 'owed', 'full'))
-- One that is not there is full.
at, owed, was_full = tonumber(at or 0), tonumber(owed or 0), tonumber(was_full or present)

-- A little earlier than the last time, as clocks of several processes may be, counts as then; much earlier, and the clock
-- was set.
local passed = present - at
if passed > 0 or -passed > per then
    at = present
end
owed = math.max(math.min(owed, burst * per) - math.max(passed, 0) * cells, 0)
-- What was drawn before it was full is paid for.
if back > 0 and drawn_at >= was_full then
    owed = math.max(owed - back * per, 0)
end
if owed == 0 then
    was_full = at
end
local drawn = math.min(math.floor(math.max(burst * per - owed, 0) / per), wanted)
owed = owed + drawn * per
local wait = 0
if drawn < wanted then
    wait = math.ceil(math.max(owed - (burst - 1) * per, 0) / cells) + at - present
end
local most = tonumber(ARGV[13])
if most then
    owed = math.max(owed, math.max(burst - most, 0) * per)
end

local function whole(number)
    return string.format('%d', number)
end
redis.call('HSET', rate, 'at', whole(at), 'owed', whole(owed), 'full', whole(was_full))
redis.call('PEXPIRE', rate, whole(math.ceil(owed / cells / 1000) + ARGV[12]))
return done(whole(drawn), whole(wait))
