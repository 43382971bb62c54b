"""Asks a TOML language server what it completes and complains of in a policy.

usage: editor.py POLICY SERVER [ARGUMENT…]

POLICY has the mark `█` where completion is asked for. Prints
{"completions": [label, …], "complaints": [message, …]}.
"""

import json
import pathlib
import subprocess
import sys

MARK = "█"


class Server:
    """One end of the Language Server Protocol, over the streams of a child."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.complaints = None

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.child.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.child.stdin.flush()

    def receive(self):
        length = 0
        while line := self.child.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.child.stdout.read(length))

    def attend(self):
        """Takes one message, answers what the server asks for with nothing."""
        message = self.receive()
        if message.get("method") == "textDocument/publishDiagnostics":
            self.complaints = [each["message"] for each in message["params"]["diagnostics"]]
        elif "method" in message and "id" in message:
            self.send({"id": message["id"], "result": None})
        return message

    def ask(self, number, method, params):
        self.send({"id": number, "method": method, "params": params})
        while True:
            message = self.attend()
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def open(self, uri, text):
        document = {"uri": uri, "languageId": "toml", "version": 1, "text": text}
        self.complaints = None
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while self.complaints is None:
            self.attend()


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    before, _, after = path.read_text().partition(MARK)
    path.write_text(before + after)
    server = Server(sys.argv[2:])
    folder = {"uri": path.parent.as_uri(), "name": "policy"}
    server.ask(1, "initialize", {
        "processId": None,
        "rootUri": folder["uri"],
        "workspaceFolders": [folder],
        "capabilities": {},
    })
    server.send({"method": "initialized", "params": {}})
    server.open(path.as_uri(), before + after)
    lines = before.split("\n")
    result = server.ask(2, "textDocument/completion", {
        "textDocument": {"uri": path.as_uri()},
        "position": {"line": len(lines) - 1, "character": len(lines[-1])},
    })
    items = result["items"] if isinstance(result, dict) else result or []
    completions = [item["label"] for item in items]
    print(json.dumps({"completions": completions, "complaints": server.complaints}))
    server.child.kill()


main()
