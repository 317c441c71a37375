"""Before any number is taken: does every proxy really do the work that the others do?

A small echo server stands in for the backend. Through each proxy the request must arrive with the header that the
configuration sets and with x-forwarded-for, the response must come back with its header, and a path of the other
route must not reach the backend at all.
"""

from __future__ import annotations

import http.server
import json
import threading

from load import curl
from load.peers import PATH, Proxy

_ONLY_FORWARDS = "epoll"  # the floor; that it does less is its purpose


class EchoBackend:
    """Answers every request with its own headers as JSON, until the `with` block is left."""

    def __init__(self, port: int):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _Echo)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> EchoBackend:
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1  # an idle connection must not outlive this server for long

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments) -> None:
        pass


def faults(proxy: Proxy) -> list[str]:
    """What `proxy` leaves out of the work that all of them are to do; empty for a fair one."""
    if proxy.name == _ONLY_FORWARDS:
        return []
    reply = curl.get(proxy.url, proxy.ends, "--user-agent", "remora-bench")
    if reply is None or reply.status != 200:
        return [f"a request is not answered: {reply}"]
    arrived = json.loads(reply.body)
    found = []
    if arrived.get("x-bench-request") != "1":
        found.append("the request's header is not set")
    if not arrived.get("x-forwarded-for"):
        found.append("x-forwarded-for is not set")
    if arrived.get("user-agent") != "remora-bench":
        found.append("the client's own headers do not arrive")
    if reply.headers.get("x-bench-response") != "1":
        found.append("the response's header is not set")
    other = curl.get(proxy.url.removesuffix(PATH) + "/static/logo", proxy.ends)
    if other is None or other.status != 404:
        found.append("paths are not routed")
    return found
