-- What the scripts share; put before each of them. ARGV: 1 the shard's tag, 2 the epoch, 3 the present, 4 who asks.
local tag, epoch, now, process = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local function key(name)
    return tag .. ':' .. name
end

-- A database that was emptied or exchanged has another epoch, or none. Of the two keys one is never there: while the slot
-- moves from one node to another both refuse a question for two keys of which they have one, and so the script, before it
-- has written anything.
local function is_wiped()
    return redis.call('MGET', key('epoch'), key('never'))[1] ~= epoch
end

-- A sign of life, which lasts so long (ms); who gave none for longer. While nobody was heard nobody was gone: it was the
-- server that was not there. What was said within a fortieth of that time is not said again.
local function breathe(alive)
    local silence = now - tonumber(redis.call('GET', key('breath')) or 0)
    if silence > alive / 2 then
        for _, other in ipairs(redis.call('ZRANGE', key('processes'), 0, -1)) do
            redis.call('ZINCRBY', key('processes'), silence, other)
        end
    end
    if silence < 0 or silence > alive / 40 then
        redis.call('SET', key('breath'), ARGV[3])
    end
    local said = tonumber(redis.call('ZSCORE', key('processes'), process) or 0) - alive
    if said > now or now - said > alive / 40 then
        redis.call('ZADD', key('processes'), now + alive, process)
    end
    return redis.call('ZRANGEBYSCORE', key('processes'), '-inf', now)
end

-- Puts a job where it waits until it may go: what is due this very moment at the end of its lane, which is in the order
-- of due times so; all else beside the lanes.
local function set_aside(ticket, due)
    local queue = string.match(ticket, '|(.*)$')
    redis.call('ZADD', key('aside:' .. queue), due, ticket)
    redis.call('SADD', key('aside'), queue)
end

local awake = false

-- There may be something to claim: whoever found nothing the last time hears of it, but for the one who asks, who knows.
local function ring()
    if awake then
        return
    end
    awake = true
    local sleepers = redis.call('SMEMBERS', key('asleep'))
    if #sleepers == 0 then
        return
    end
    for _, sleeper in ipairs(sleepers) do
        if sleeper ~= process then
            redis.call('LPUSH', key('bell:' .. sleeper), 1)
            redis.call('PEXPIRE', key('bell:' .. sleeper), 60000)
        end
    end
    redis.call('DEL', key('asleep'))
end

local function make_ready(ticket, due)
    if tonumber(due) == now then
        redis.call('XADD', key('lane:' .. string.match(ticket, '|(%a+)|')), '*', 't', ticket, 'd', due)
    else
        set_aside(ticket, due)
    end
end

-- Runs commands from ARGV[first] on, to ARGV[last] or the end, each led by its number of words.
local function run(first, last)
    local at = first
    while at <= (last or #ARGV) do
        local words = tonumber(ARGV[at])
        if ARGV[at + 1] == 'READY' then
            make_ready(ARGV[at + 2], ARGV[at + 3])
            ring()
        elseif ARGV[at + 1] == 'ASIDE' then
            set_aside(ARGV[at + 2], ARGV[at + 3])
            ring()
        elseif ARGV[at + 1] == 'FREE' then
            ring()
        elseif ARGV[at + 1] == 'LOAD' then
            local load = redis.call('HMGET', key('load'), 'open', 'bytes')
            local open, bytes = tonumber(load[1] or 0) + ARGV[at + 2], tonumber(load[2] or 0) + ARGV[at + 3]
            redis.call('HSET', key('load'), 'open', string.format('%.0f', open), 'bytes', string.format('%.0f', bytes))
        else
            redis.call(unpack(ARGV, at + 1, at + words))
        end
        at = at + words + 1
    end
end

-- What every change answers with: the time, and how much is here.
local function done(...)
    local time, load = redis.call('TIME'), redis.call('HMGET', key('load'), 'open', 'bytes')
    return { 'done', time[1], time[2], load[1] or '0', load[2] or '0', ... }
end
