"""Asks for the tools; reports whether any answer came.

`refused.py USER LINK ERA`
"""

import anyio
from session import client, run


async def ask(link: str, era: str) -> dict:
    try:
        with anyio.fail_after(10):
            async with client(link, era) as session:
                tools = (await session.list_tools()).tools
                return {"served": True, "tools": len(tools)}
    except TimeoutError:
        return {"served": None, "error": "no answer and no end of the connection"}
    except BaseException as error:  # groups of exceptions included
        return {"served": False, "error": repr(error)}


run(ask)
