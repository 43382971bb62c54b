"""Gives up a call once its command runs, and watches whether the command ends
while the session goes on.

`cancel.py USER LINK ERA TOOL ARGUMENTS MARK`: MARK is an argument that only this
command has.
"""

import json
import os

import anyio
from session import client, run


def runs(mark: str) -> bool:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        # The client itself has the mark too, but begins with an interpreter.
        if mark.encode() in words and b"cancel.py" not in b" ".join(words):
            return True
    return False


async def until(what, limit: float) -> bool:
    with anyio.move_on_after(limit):
        while not what():
            await anyio.sleep(0.01)
        return True
    return False


async def give_up(link: str, era: str, tool: str, arguments: str, mark: str) -> dict:
    async with client(link, era) as session:
        scope = anyio.CancelScope()

        async def call() -> None:
            with scope:
                await session.call_tool(tool, json.loads(arguments))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            ran = await until(lambda: runs(mark), 10)
            scope.cancel()
        killed = await until(lambda: not runs(mark), 5)
        # The session must still be of use.
        tools = [tool.name for tool in (await session.list_tools()).tools]
        return {"ran": ran, "killed": killed, "tools": tools}


run(give_up)
