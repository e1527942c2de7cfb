-- Hands out jobs. ARGV: ..., 5 the request as JSON: alive (ms), lease (ms), idle (nothing else runs in this process), shares
-- ({lane, share} in the order to look), routes and destinations (limits by name), number and answered (of this claim, and of
-- the last one whose answer came); of a store in several parts also permits (how many each limit allows here and now, of
-- those that were asked) and strict (what a lane leaves goes to no other).
-- Answers with whether there may be more, when to ask again, how many permits would be of use, whether one is here that
-- runs alone (1; 2 if it waits for that now), and a list of the jobs, each followed by its token. The events are read
-- apart: a script that handed them on would cost the server three times as much.
--
-- Lanes are streams, in the order of due times. What is read from a lane and may not go now (paused, or at its limit) is
-- set aside, so that it holds up nothing behind it; from there it goes when it may, as does what waited for its time.
if is_wiped() then
    return { 'wiped' }
end
local request = cjson.decode(ARGV[5])

outlast()
local gone = breathe(request.alive)
if #gone > 0 then
    return { 'gone', unpack(gone) }
end
local late = late_leases()
if #late > 0 then
    return { 'late', unpack(late) }
end

local function event_key(event)
    return key('event:' .. event)
end

local lease_ends = string.format('%d', now + request.lease)

-- What was handed out last, as long as nobody took it back: "number job token job token...".
local handed = redis.call('HGET', key('handed'), process) or '0'
local before = tonumber(string.match(handed, '^%d+'))
if before > request.number then
    return { 'jobs', 0, '', '{}', 0, {} }
elseif before > request.answered then
    local again = {}
    for job, token in string.gmatch(handed, ' (%S+) (%d+)') do
        local event, n = string.match(job, '^(%x+)%.(%d+)$')
        if string.match(standing(event, n), '^%d+') == token then
            redis.call('ZADD', key('leases'), lease_ends, job)
            again[#again + 1] = job
            again[#again + 1] = token
        end
    end
    if #again > 0 then
        redis.call('HSET', key('handed'), process, (string.gsub(handed, '^%d+', string.format('%d', request.number))))
        return { 'jobs', 0, '', '{}', 0, again }
    end
end

local max = 0
for _, share in ipairs(request.shares) do
    max = max + share[2]
end
local paused = {}
for _, name in ipairs(redis.call('SMEMBERS', key('paused'))) do
    paused[name] = true
end

local jobs, given, wants, alone = {}, 0, {}, 0

-- What is written of all jobs together: a command for each would cost the server most of what a claim costs.
local leases, left, tokens = {}, {}, 0

local function answer(more, next)
    for lane, entries in pairs(left) do
        in_parts(entries, function(...)
            redis.call('XDEL', key('lane:' .. lane), ...)
        end)
    end
    if given > 0 then
        in_parts(leases, function(...)
            redis.call('ZADD', key('leases'), ...)
        end)
        write_counts()
        redis.call('SET', key('token'), string.format('%d', tokens))
        redis.call('HSET', key('handed'), process, string.format('%d ', request.number) .. table.concat(jobs, ' '))
    end
    return { 'jobs', more and 1 or 0, next, cjson.encode(wants), alone, jobs }
end

if max == 0 or paused['everything'] then
    redis.call('SADD', key('asleep'), process)
    return answer(false, '')
end

-- What a ticket says: of which job, and in which queue it waits.
local function parts(ticket)
    return string.match(ticket, '^((%x+)%.(%d+))|(.*)$')
end

-- Of each queue its lane, what its jobs are limited by, how many may be under way, and whether it is paused.
local queues = {}
local function queue_of(name)
    local queue = queues[name]
    if queue then
        return queue
    end
    local lane, route, destination = string.match(name, '^(%a+)|([^|]*)|(.*)$')
    queue = { name = name, lane = lane, is_paused = paused['route:' .. route] }
    if destination == '' then
        queue.limited, queue.limit = 'route:' .. route, request.routes[route]
    else
        queue.limited, queue.limit = 'destination:' .. destination, request.destinations[destination]
        queue.is_paused = queue.is_paused or paused['destination:' .. destination]
    end
    queues[name] = queue
    return queue
end

-- How many more jobs may go, by what they are limited by.
local rooms = {}
local function is_open(queue)
    local limited = queue.limited
    if not rooms[limited] then
        if not queue.limit then
            rooms[limited] = 1e9
        elseif request.permits then
            rooms[limited] = request.permits[limited] or 0
        else
            rooms[limited] = queue.limit - tonumber(redis.call('HGET', key('leased'), limited) or '0')
        end
    end
    return not queue.is_paused and rooms[limited] > 0
end

-- Whether jobs wait for nothing but a permit; then so many are wanted.
local function want(queue, count)
    if not request.permits or not queue.limit or queue.limit == 0 or queue.is_paused then
        return false
    end
    wants[queue.limited] = (wants[queue.limited] or 0) + count
    return request.permits[queue.limited] == nil
end

-- Nothing stays in a lane that was read from it: who holds a job is told by its event.
local function leave_lane(lane, entry)
    left[lane] = left[lane] or {}
    table.insert(left[lane], entry)
end

local function candidate_of(ticket, due)
    local job, event, n, name = parts(ticket)
    local field, queue = 'w' .. tonumber(n), queue_of(name)
    return { ticket = ticket, due = tonumber(due), job = job, event = event, field = field, queue = queue }
end

local function give(candidate, runs_alone)
    local event, queue = candidate.event, candidate.queue
    if tokens == 0 then
        tokens = tonumber(redis.call('GET', key('token')) or '0')
    end
    tokens = tokens + 1
    local token = string.format('%d', tokens)
    local version = candidate.version or redis.call('HGET', event_key(event), 'v')
    local lease = token .. ' ' .. process .. (runs_alone and ' 1' or ' 0')
    redis.call('HSET', event_key(event), candidate.field, lease, 'v', string.format('%d', version + 1))
    leases[#leases + 1] = lease_ends
    leases[#leases + 1] = candidate.job
    count('leased', queue.limited, 1)
    count('ready', queue.name, -1)
    rooms[queue.limited] = rooms[queue.limited] - 1
    if candidate.held then
        redis.call('ZREM', candidate.held, candidate.ticket)
    end
    jobs[#jobs + 1] = candidate.job
    jobs[#jobs + 1] = token
    given = given + 1
end

-- One that crashed its process runs with nothing beside it.
alone = math.min(redis.call('ZCARD', key('alone')), 1)
local suspects = redis.call('ZRANGEBYSCORE', key('alone'), '-inf', now, 'WITHSCORES')
for at = 1, #suspects, 2 do
    local candidate = candidate_of(suspects[at], suspects[at + 1])
    if is_open(candidate.queue) then
        if request.idle then
            candidate.held = key('alone')
            give(candidate, true)
        else
            alone = 2
        end
        return answer(false, '')
    elseif want(candidate.queue, 1) then
        -- Nothing else goes before it is known whether there is one.
        return answer(true, '')
    end
end

local more = false

local function is_before(a, b)
    return a.due < b.due or (a.due == b.due and a.ticket < b.ticket)
end

-- What may go of a lane, the oldest first.
local function open_lane(lane)
    local source = { lane = lane, aside = {}, read = {}, at = 1, left = 1024 }
    for _, queue in ipairs(redis.call('SMEMBERS', key('aside'))) do
        local name = key('aside:' .. queue)
        queue = queue_of(queue)
        if queue.lane ~= lane then
            -- Another lane's.
        elseif redis.call('EXISTS', name) == 0 then
            redis.call('SREM', key('aside'), queue.name)
        elseif is_open(queue) then
            local tickets = redis.call('ZRANGEBYSCORE', name, '-inf', now, 'WITHSCORES', 'LIMIT', 0, max)
            for at = 1, #tickets, 2 do
                local candidate = candidate_of(tickets[at], tickets[at + 1])
                candidate.held = name
                source.aside[#source.aside + 1] = candidate
            end
        else
            local waiting = redis.call('ZCOUNT', name, '-inf', now)
            if waiting > 0 then
                want(queue, waiting)
            end
        end
    end
    table.sort(source.aside, is_before)
    return source
end

local function read(source, count)
    local stream = key('lane:' .. source.lane)
    while source.at > #source.read and source.left > 0 do
        local found = redis.pcall('XREADGROUP', 'GROUP', 'workers', process, 'COUNT', count, 'NOACK', 'STREAMS', stream, '>')
        if found and found.err then
            if not string.find(found.err, 'NOGROUP') then
                error(found.err)
            end
            -- From the beginning: what was read is no longer there.
            redis.call('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
            found = redis.call('XREADGROUP', 'GROUP', 'workers', process, 'COUNT', count, 'NOACK', 'STREAMS', stream, '>')
        end
        if not found then
            source.left = 0
            return
        end
        source.read, source.at = {}, 1
        for _, entry in ipairs(found[1][2]) do
            local ticket, due = entry[2][2], entry[2][4]
            local candidate = candidate_of(ticket, due)
            local stands = redis.call('HMGET', event_key(candidate.event), candidate.field, 'v')
            source.left = source.left - 1
            leave_lane(source.lane, entry[1])
            -- A ticket counts for as long as its job is ready from that very time on.
            if stands[1] ~= '@' .. due then
                -- It was taken care of.
            elseif is_open(candidate.queue) then
                candidate.version = stands[2]
                source.read[#source.read + 1] = candidate
            else
                want(candidate.queue, 1)
                set_aside(ticket, due)
            end
        end
        if source.left <= 0 then
            more = true
        end
    end
end

local function put_aside(candidate)
    if not candidate.held then
        set_aside(candidate.ticket, candidate.due)
    end
end

local function take(source, last)
    while given < last do
        if source.at > #source.read then
            read(source, math.min(last - given, 64))
        end
        local aside, fresh = source.aside[1], source.read[source.at]
        local candidate
        if aside and (not fresh or is_before(aside, fresh)) then
            candidate = table.remove(source.aside, 1)
        elseif fresh then
            candidate = fresh
            source.at = source.at + 1
        else
            return
        end
        if is_open(candidate.queue) then
            give(candidate, false)
        else
            want(candidate.queue, 1)
            put_aside(candidate)
        end
    end
end

local sources = {}
for _, share in ipairs(request.shares) do
    if share[2] > 0 or not request.strict then
        local source = open_lane(share[1])
        sources[#sources + 1] = source
        take(source, math.min(given + share[2], max))
    end
end
for _, source in ipairs(sources) do
    if not request.strict then
        take(source, max)
    end
    for at = source.at, #source.read do
        put_aside(source.read[at])
    end
end

-- When to ask again: what is paused or at its limit does not count.
local next = ''
if given == 0 then
    redis.call('SADD', key('asleep'), process)
    local function ask(name, limit)
        local later = redis.call('ZRANGEBYSCORE', name, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
        for at = 1, #later, 2 do
            local queue = candidate_of(later[at], later[at + 1]).queue
            -- Whether there will be a permit then is asked then.
            local may = request.permits and queue.limit and queue.limit > 0 and not queue.is_paused
            if (may or is_open(queue)) and (next == '' or tonumber(later[at + 1]) < tonumber(next)) then
                next = later[at + 1]
            end
        end
    end
    for _, queue in ipairs(redis.call('SMEMBERS', key('aside'))) do
        ask(key('aside:' .. queue), 1)
    end
    ask(key('alone'), 64)
end
return answer(more, next)
