"""One call over `mini-mcp connect`, by hand: `call.py TOOL ARGUMENTS` prints one JSON
value. A slow machine starts this a good deal faster than the official client."""

import json
import subprocess
import sys

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "machine", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
tool, arguments = sys.argv[1:]
params = {"name": tool, "arguments": json.loads(arguments), "_meta": META}
message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
pipe = subprocess.PIPE
with subprocess.Popen(["/usr/bin/mini-mcp", "connect"], stdin=pipe, stdout=pipe, text=True) as server:
    print(json.dumps(message), file=server.stdin, flush=True)
    answer = {"error": "no answer"}
    for line in server.stdout:
        heard = json.loads(line)
        if heard.get("id") == 1:
            answer = heard
            break
    server.stdin.close()
result = answer.get("result")
if result is None:
    print(json.dumps({"is_error": True, "text": str(answer["error"])}))
else:
    text = "".join(part.get("text", "") for part in result["content"])
    report = {"is_error": result.get("isError", False), "text": text}
    print(json.dumps(report | {"outcome": result.get("structuredContent")}))
