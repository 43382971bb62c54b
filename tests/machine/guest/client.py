"""The official client over `mini-mcp connect`, or over what the one server of the client's
file MACHINE_CLIENT is: `client.py TOOL ARGUMENTS` prints one JSON value, the names of the
tools and what the call gave."""

import json
import os
import sys

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


def server() -> StdioServerParameters:
    file = os.environ.get("MACHINE_CLIENT")
    if file is None:
        return StdioServerParameters(command="/usr/bin/mini-mcp", args=["connect"])
    with open(file) as text:
        (said,) = json.load(text)["mcpServers"].values()
    return StdioServerParameters(command=said["command"], args=said["args"])


async def main() -> None:
    tool, arguments = sys.argv[1:]
    async with Client(stdio_client(server())) as session:
        tools = [tool.name for tool in (await session.list_tools()).tools]
        try:
            result = await session.call_tool(tool, json.loads(arguments))
            text = "".join(getattr(part, "text", "") for part in result.content)
            report = {"tools": tools, "is_error": result.is_error, "text": text}
        except Exception as error:
            report = {"tools": tools, "is_error": True, "text": str(error)}
    print(json.dumps(report))


anyio.run(main)
