-- Draws on meters, or gives back: on all of them, or, where one has too little, on none. ARGV: ..., 5 the step of a purchase for
-- which it is, or nothing, 6 the purchase, and of each meter: its name, the window (ms), the amount (less than 0 gives back),
-- the limit, how long it is kept (ms). Answers with 0, or with the place of the first that has too little, counted from 1.
if is_wiped() then
    return { 'wiped' }
end
local step, purchase, draws = ARGV[5], ARGV[6], {}
for at = 7, #ARGV, 5 do
    local name, window, amount, limit, kept = unpack(ARGV, at, at + 4)
    local mark = 'paid:meter:' .. name .. ':' .. purchase
    if is_due(step, mark) then
        local meter = key('meter:' .. name)
        local period = string.format('%d', math.floor(now / tonumber(window)))
        local known, used = unpack(redis.call('HMGET', meter, 'period', 'used'))
        used = (known == period and tonumber(used) or 0) + tonumber(amount)
        if tonumber(amount) > 0 and used > tonumber(limit) then
            return done(string.format('%d', (at - 2) / 5))
        end
        used = string.format('%d', math.max(used, 0))
        draws[#draws + 1] = { meter = meter, period = period, used = used, kept = kept, mark = mark }
    end
end
for _, draw in ipairs(draws) do
    redis.call('HSET', draw.meter, 'period', draw.period, 'used', draw.used)
    redis.call('PEXPIRE', draw.meter, draw.kept)
    mark_step(step, draw.mark, draw.kept)
end
return done('0')
