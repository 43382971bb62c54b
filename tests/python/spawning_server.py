"""A server of the official library whose only tool spawns /usr/bin/true, as servers that
run commands for agents do; the benchmark suite compares the service with it."""

import subprocess

from mcp.server.mcpserver import MCPServer

server = MCPServer("spawning")


@server.tool()
def true() -> int:
    """Succeeds."""
    return subprocess.run(["/usr/bin/true"], stdin=subprocess.DEVNULL, check=True).returncode


server.run("stdio")
