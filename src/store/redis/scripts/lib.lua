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

-- While no process pulsed the server was not there, and nobody could say that he was still at work: leases and permits last
-- for as much longer. Whatever goes by their times, or sets one, comes after this. `pulse` is when the last pulse was, and
-- for how long it is a sign of life (ms).
local function outlast()
    local last, alive = string.match(redis.call('GET', key('pulse')) or '', '^(%d+) (%d+)$')
    local silence = now - (last or now)
    if silence <= tonumber(alive or 0) / 2 then
        return
    end
    local held = { key('leases') }
    for _, limit in ipairs(redis.call('SMEMBERS', key('permits'))) do
        held[#held + 1] = key('permits:' .. limit)
    end
    for _, set in ipairs(held) do
        for _, one in ipairs(redis.call('ZRANGE', set, 0, -1)) do
            redis.call('ZINCRBY', set, silence, one)
        end
    end
    redis.call('SET', key('pulse'), ARGV[3] .. ' ' .. alive)
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

-- How long it is remembered that a purchase has ended (ms): for longer than a word of its beginning can be on its way.
local ENDED_KEPT = 600000

-- Whether a step of a purchase was not done here before: the first one where nothing was, any other after that. Without a step
-- everything is done.
local function is_due(step, mark)
    if step == '' then
        return true
    end
    local known = redis.call('GET', key(mark))
    if step == 'begin' then
        return not known
    end
    return known == 'begin'
end

-- Remembers that a step of a purchase was done here; that it began for so long (ms).
local function mark_step(step, mark, kept)
    if step == 'begin' then
        redis.call('SET', key(mark), step, 'PX', kept)
    elseif step == 'end' then
        redis.call('SET', key(mark), step, 'PX', ENDED_KEPT)
    elseif step == 'back' then
        redis.call('DEL', key(mark))
    end
end

-- Where a job stands: '@' and when it is due, or the token of who holds it and more.
local function standing(event, n)
    return redis.call('HGET', key('event:' .. event), 'w' .. tonumber(n)) or ''
end

-- The jobs whose leases are over, each followed by its token.
local function late_leases()
    local late = {}
    for _, job in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, 256)) do
        local event, n = string.match(job, '^(%x+)%.(%d+)$')
        local token = string.match(standing(event, n), '^%d+')
        if token then
            late[#late + 1] = job
            late[#late + 1] = token
        else
            redis.call('ZREM', key('leases'), job)
        end
    end
    return late
end

-- Puts a job where it waits beside the lanes until it may go.
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
            redis.call('SREM', key('asleep'), sleeper)
        end
    end
end

-- What is due this very moment goes to the end of its lane, which is in the order of due times so; all else beside them.
local function make_ready(ticket, due)
    if tonumber(due) == now then
        redis.call('XADD', key('lane:' .. string.match(ticket, '|(%a+)|')), '*', 't', ticket, 'd', due)
    else
        set_aside(ticket, due)
    end
end

-- What is counted and which leases end is written once for all that a script does: a command for each job would cost the
-- server more than the job.
local counts, ended, open_by, bytes_by = {}, {}, 0, 0

local function count(hash, field, by)
    counts[hash] = counts[hash] or {}
    counts[hash][field] = (counts[hash][field] or 0) + by
end

-- As many words as can be handed on at once.
local function in_parts(words, each)
    for at = 1, #words, 4000 do
        each(unpack(words, at, math.min(at + 3999, #words)))
    end
end

local function write_counts()
    for hash, fields in pairs(counts) do
        for field, by in pairs(fields) do
            if by ~= 0 then
                redis.call('HINCRBY', key(hash), field, string.format('%d', by))
            end
        end
    end
end

-- Runs commands from ARGV[first] on, to ARGV[last] or the end, each led by its number of words.
local function run(first, last)
    local at = first
    while at <= (last or #ARGV) do
        local words, command = tonumber(ARGV[at]), ARGV[at + 1]
        if command == 'READY' then
            make_ready(ARGV[at + 2], ARGV[at + 3])
            ring()
        elseif command == 'ASIDE' then
            set_aside(ARGV[at + 2], ARGV[at + 3])
            ring()
        elseif command == 'END' then
            -- It may have made room within a limit.
            ended[#ended + 1] = ARGV[at + 2]
            ring()
        elseif command == 'COUNT' then
            count(ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4]))
        elseif command == 'LOAD' then
            open_by, bytes_by = open_by + tonumber(ARGV[at + 2]), bytes_by + tonumber(ARGV[at + 3])
        else
            redis.call(unpack(ARGV, at + 1, at + words))
        end
        at = at + words + 1
    end
end

-- What a script ends and answers with: the time, and how much is here.
local function done(...)
    in_parts(ended, function(...)
        redis.call('ZREM', key('leases'), ...)
    end)
    write_counts()
    local load = redis.call('HMGET', key('load'), 'open', 'bytes')
    local open, bytes = load[1] or '0', load[2] or '0'
    if open_by ~= 0 or bytes_by ~= 0 then
        open = string.format('%d', tonumber(open) + open_by)
        bytes = string.format('%d', tonumber(bytes) + bytes_by)
        redis.call('HSET', key('load'), 'open', open, 'bytes', bytes)
    end
    local time = redis.call('TIME')
    return { 'done', time[1], time[2], open, bytes, ... }
end

-- Does what several ask for, each for itself. ARGV: ..., 5... of each: the present as it was when that was decided, the number
-- of words, and those. Answers for each with what `act` says of its words, the first and the last, or with '!' and why it
-- failed.
local function each(act)
    local told, at = {}, 5
    while at <= #ARGV do
        local last = at + 1 + tonumber(ARGV[at + 1])
        now = tonumber(ARGV[at])
        -- What is wrong with one must not leave the others half written.
        local is_done, answer = pcall(act, at + 2, last)
        told[#told + 1] = is_done and answer or '!' .. (type(answer) == 'table' and answer.err or tostring(answer))
        at = last + 1
    end
    return done(unpack(told))
end
