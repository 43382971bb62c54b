"""Asks for the tools over HTTP on the network: `web.py [KEY]` prints status and body."""

import json
import sys
import urllib.error
import urllib.request

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "machine", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
headers = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": VERSION,
    "Mcp-Method": "tools/list",
}
for key in sys.argv[1:]:
    headers["Authorization"] = f"Bearer {key}"
request = urllib.request.Request(
    "http://127.0.0.1:8765/mcp", json.dumps(message).encode(), headers
)
try:
    with urllib.request.urlopen(request, timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
