"""Opens sessions with the official client, as another user.

`python SCRIPT USER LINK ERA …`: LINK is `socket:PATH`, `command:PROGRAM` with its
arguments as a JSON list in the place of PROGRAM, or the same for any command, or
`http:OPTIONS`, a JSON object with `url` and perhaps `key`, `ca` (a file) and `socket`.
The scripts load everything first and become USER then, so that it does not
matter whether USER can read the environment that the client is installed in.
"""

import contextlib
import json
import os
import pwd
import socket as _socket  # noqa: F401  (loaded before the user changes)
import ssl
import sys

import anyio
import anyio._backends._asyncio  # noqa: F401
import anyio._core._subprocesses  # noqa: F401
import anyio.streams.buffered
import anyio.streams.text  # noqa: F401
import httpx2
import jsonschema
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.message import SessionMessage

LEGACY, MODERN = "legacy", "2026-07-28"


def become(name: str) -> None:
    # The client checks results with it, which loads its parts when first used.
    jsonschema.validate({}, {"type": "object", "oneOf": [{"required": []}]})
    user = pwd.getpwnam(name)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ.update(HOME="/", USER=name, LOGNAME=name, PATH="/usr/bin:/bin")
    os.chdir("/")


@contextlib.asynccontextmanager
async def unix_socket(path: str):
    """The transport for a Unix socket: one JSON message a line, as on stdio."""
    stream = await anyio.connect_unix(path)
    to_client, incoming = anyio.create_memory_object_stream(0)
    outgoing, from_client = anyio.create_memory_object_stream(0)

    async def read() -> None:
        buffer = b""
        async with to_client:
            with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                while True:
                    *lines, buffer = (buffer + await stream.receive()).split(b"\n")
                    for line in lines:
                        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                        await to_client.send(SessionMessage(message))

    async def write() -> None:
        async with from_client:
            async for item in from_client:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stream.send(text.encode() + b"\n")

    async with stream, anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        yield incoming, outgoing
        group.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def over_http(url: str, key: str | None = None, ca: str | None = None, socket: str | None = None):
    """Streamable HTTP, on the network or on a Unix socket."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    trust = ssl.create_default_context(cafile=ca) if ca else True
    transport = httpx2.AsyncHTTPTransport(uds=socket, verify=trust)
    async with (
        httpx2.AsyncClient(headers=headers, transport=transport, timeout=60) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


def client(link: str, era: str, **options) -> Client:
    kind, _, rest = link.partition(":")
    if kind == "socket":
        return Client(unix_socket(rest), mode=era, **options)
    if kind == "http":
        return Client(over_http(**json.loads(rest)), mode=era, **options)
    program, *arguments = json.loads(rest)
    server = stdio_client(StdioServerParameters(command=program, args=arguments))
    return Client(server, mode=era, **options)


def summary(result) -> dict:
    """A call's result in plain JSON."""
    text = "".join(part.text for part in result.content if part.type == "text")
    return {"error": bool(result.is_error), "text": text, "structured": result.structured_content}


def run(main) -> None:
    """Becomes the user, runs `main(link, era, …)` and reports what it returns."""
    become(sys.argv[1])
    print(json.dumps(anyio.run(main, *sys.argv[2:])))
