"""A collector on 127.0.0.1:4318 that keeps what it is sent: `collector.py FOLDER` has the
bodies for each path, such as FOLDER/traces, one after another."""

import http.server
import pathlib
import sys


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.rsplit("/", 1)[-1]
        with open(pathlib.Path(sys.argv[1]) / name, "ab") as file:
            file.write(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


http.server.HTTPServer(("127.0.0.1", 4318), Collector).serve_forever()
