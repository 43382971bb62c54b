"""Many calls on one connection: first one after the other, then all at once.

`concurrent_calls.py USER LINK ERA TOOL ARGUMENTS COUNT`
"""

import json
import time

import anyio
from session import client, run, summary


async def measure(link: str, era: str, tool: str, arguments: str, count: str) -> dict:
    async with client(link, era) as session:
        given, results = json.loads(arguments), []

        async def call() -> None:
            results.append(summary(await session.call_tool(tool, given)))

        before = time.monotonic()
        for _ in range(int(count)):
            await call()
        between = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(int(count)):
                group.start_soon(call)
        return {
            "sequential": between - before,
            "concurrent": time.monotonic() - between,
            "results": results,
        }


run(measure)
