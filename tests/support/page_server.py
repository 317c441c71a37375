"""The page's server without a mesh behind it: the files as they are in the source, and events that a test sends.

It answers as xds/page does (same headers, same events), so that the page can be tested in states that a real mesh
reaches rarely. test_page.py proves the page against the real server as well.
"""

import http.server
import json
import pathlib
import queue
import re
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2] / "xds" / "page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}


def content_security_policy():
    """The real one, out of the source, so that the two cannot differ."""
    source = (ROOT / "page.cc").read_text()
    literals = re.search(r"kContentSecurityPolicy =\s*((?:\"[^\n]*\"\s*)+);", source).group(1)
    return "".join(re.findall(r'"([^"\n]*)"', literals))


class PageServer:
    def __init__(self, snapshot, port=0):
        self.snapshot = snapshot
        self.streams, self.actions = [], []
        self.whole = {}  # Rollouts as GET /rollouts/{namespace}/{name} gives them, by path.
        self.refusal = None  # A message with which actions are refused.
        handler = type("Handler", (Handler,), {"owner": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/ui/"

    def send(self, name, data):
        for stream in list(self.streams):
            stream.put(event(name, data))

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for stream in list(self.streams):
            stream.put(None)


def event(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.removeprefix("/ui/") or "index.html"
        if name == "events":
            self.stream()
        elif self.path in self.owner.whole:
            self.answer(200, json.dumps(self.owner.whole[self.path]).encode(), "application/json")
        elif "/" not in name and (ROOT / "assets" / name).is_file():
            self.answer(200, (ROOT / "assets" / name).read_bytes(), TYPES[pathlib.Path(name).suffix])
        else:
            self.answer(404, b"")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.owner.actions.append(self.path)
        refusal = self.owner.refusal
        body = {"message": refusal} if refusal else {"done": True}
        self.answer(409 if refusal else 200, json.dumps(body).encode(), "application/json")

    def answer(self, status, body, content_type="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # So that nobody goes on talking to a server that has been closed.
        self.send_header("Content-Security-Policy", content_security_policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        events = queue.SimpleQueue()
        events.put(event("snapshot", self.owner.snapshot()))
        self.owner.streams.append(events)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while (piece := events.get()) is not None:
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass
        finally:
            self.owner.streams.remove(events)
            self.close_connection = True

    def log_message(self, *_):
        pass
