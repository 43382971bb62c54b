"""One session: list the tools, call those that the command line names.

`tour.py USER LINK ERA CALLS`: CALLS is a JSON list of [tool, arguments].
"""

import json

from mcp.shared.exceptions import MCPError
from session import client, run, summary


async def tour(link: str, era: str, calls: str) -> dict:
    async with client(link, era) as session:
        tools = (await session.list_tools()).tools
        results = [await call(session, *words) for words in json.loads(calls)]
        resources = (await session.list_resources()).resources
        return {
            "resources": {
                str(one.uri): await read(session, one.uri) for one in resources
            },
            "protocol": session.protocol_version,
            "tools": {tool.name: tool.model_dump(mode="json", by_alias=True) for tool in tools},
            "results": results,
        }


async def read(session, uri) -> str:
    (content,) = (await session.read_resource(uri)).contents
    return content.text


async def call(session, tool: str, arguments: dict) -> dict:
    try:
        return summary(await session.call_tool(tool, arguments))
    except MCPError as error:
        return {"code": error.code, "message": str(error)}


run(tour)
