"""The other half of receiver.py: reads the stream, does nothing with an event, and notes that it is done."""

import asyncio
import json
import os

import redis.asyncio
import uvloop

READ_COUNT = 10
SEEN_S = 86_400


async def main():
    queue = redis.asyncio.from_url(os.environ["REDIS_URL"])
    await queue.xgroup_create("events", "workers", id="0", mkstream=True)
    while True:
        for _, entries in await queue.xreadgroup("workers", "one", {"events": ">"}, count=READ_COUNT, block=5_000) or []:
            for entry, fields in entries:
                seen = f"seen:{fields[b'id'].decode()}"
                if not await queue.exists(seen):
                    json.loads(fields[b"body"])
                    await queue.set(seen, 1, ex=SEEN_S)
                await queue.xack("events", "workers", entry)


uvloop.run(main())
