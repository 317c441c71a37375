"""A fake upstream server at byte level: it records what the proxy sent and answers as the test scripts it."""

import itertools
import json
import os
import pathlib
import random
import socket
import threading

from support.listening import Listening
from support.http_client import ConnectionClosed, Message, Wire
from support.waiting import wait_until


class Request(Message):
    """A request as it arrived: the exact request line, fields in order and in their case, body, trailers."""

    def __init__(self, line, headers, connection):
        super().__init__(headers)
        self.line = line.decode("latin-1")
        self.method, self.target, self.version = self.line.split(" ")
        self.connection = connection
        self.chunks = []

    def __repr__(self):
        return f"<{self.line} {self.headers} {self.body[:200]!r}>"


class UpstreamConnection(Wire):
    """One connection from the proxy, handed to the script of the upstream that accepted it."""

    def __init__(self, sock, upstream, number, peer):
        super().__init__(sock)
        self.upstream = upstream
        self.number = number
        self.peer = peer  # the address it came from

    def read_request_head(self):
        """The next request head, recorded at once; None when the proxy closed the connection instead."""
        try:
            line, headers = self.read_head("before a complete request head")
        except (ConnectionClosed, ConnectionResetError) as closed:
            if getattr(closed, "seen", b""):
                self.upstream.broken.append(closed.seen)
            return None
        request = Request(line, headers, self.number)
        self.upstream.requests.append(request)
        return request

    def read_request_body(self, request):
        if request.get("transfer-encoding"):
            assert request.get("transfer-encoding").lower() == "chunked", request
            self.read_chunked(request)
        elif request.get("content-length"):
            request.body = self.read_exactly(int(request.get("content-length")), "in a request body")
        return request

    def read_request(self):
        """The next complete request, or None when the proxy closed the connection."""
        request = self.read_request_head()
        return self.read_request_body(request) if request else None


def reply(status=200, headers=(), body=b"", reason="OK"):
    """The bytes of an ordinary response, with a Content-Length unless the caller frames it."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    body = body.encode() if isinstance(body, str) else body
    names = {name.lower() for name, _ in pairs}
    if not names & {"content-length", "transfer-encoding"} and status not in (204, 304) and status >= 200:
        pairs.append(("content-length", str(len(body))))
    head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return head.encode("latin-1") + b"\r\n" + body


def echo(request, **more):
    """Answers with the request as it arrived, in JSON, so that a response says what the upstream saw."""
    seen = {"method": request.method, "target": request.target, "headers": request.headers,
            "body": len(request.body), **more}
    body = b"" if request.method == "HEAD" else json.dumps(seen).encode()
    return reply(200, [("content-type", "application/json")], body)


def slow_while(slow):
    """An answer that takes 0.1 s while the event is set."""
    def answer(_):
        if slow.is_set():
            threading.Event().wait(0.1)
        return reply(200, {}, "slow")
    return answer


def stall(connection):
    """A script: takes the request and never answers."""
    connection.read_request()
    connection.read_to_end()


def stall_twice(connection):
    """A script: the third connection is the first to be answered."""
    if connection.number < 2:
        return stall(connection)
    connection.read_request()
    connection.send(reply(200, {}, "served"))
    connection.read_to_end()


class Upstream(Listening):
    """Listens on a port of its own until closed.

    `answer(request)` gives the bytes of each response; or `script(connection)` owns a whole connection. The default
    answers 200 with the upstream's name as the body and in `x-upstream`.
    """

    def __init__(self, name="upstream", answer=None, script=None, port=0, address="127.0.0.1"):
        self.name = name
        self.answer = answer or (lambda request: reply(200, {"x-upstream": name}, name))
        self.script = script or self.serve
        self.requests = []
        self.broken = []  # Bytes of request heads that were cut short.
        self.errors = []  # What scripts raised; a test may look, a failing one shows it.
        self.connections = []
        self.address = address
        self.listen(address, port)

    def accepted(self, sock, peer):
        connection = UpstreamConnection(sock, self, len(self.connections), peer)
        self.connections.append(connection)
        threading.Thread(target=self.run_script, args=(connection,), daemon=True).start()

    def run_script(self, connection):
        try:
            self.script(connection)
        except (ConnectionClosed, OSError) as error:
            self.errors.append(error)
        except Exception as error:  # Shown by the test that asked; a thread has nobody to raise it to.
            self.errors.append(error)
            raise
        finally:
            connection.close()

    def serve(self, connection):
        while (request := connection.read_request()) is not None:
            connection.send(self.answer(request))
            if (request.get("connection") or "").lower() == "close":
                return

    def wait_for(self, count=1):
        """Waits until `count` requests have arrived, and returns them."""
        wait_until(lambda: len(self.requests) >= count,
                   lambda: f"{count} requests at {self.name}, got {self.requests}")
        return self.requests

    @property
    def last(self):
        return self.wait_for(1)[-1]

    def forget(self):
        """Forgets the requests seen so far, in place, so that a shared upstream can be looked at afresh."""
        self.requests.clear()
        self.broken.clear()

    def stop_listening(self):
        """Who connects from now on is refused; connections that are there go on."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def close(self):
        """Stops listening and drops every connection."""
        self.stop_listening()
        for connection in self.connections:
            connection.close()
        self.thread.join(5)


def candidates():
    """Ports in turn, of a slice that is this test worker's own, below those that the kernel gives to who asks for any:
    a port that waits for its user must not be given to somebody else meanwhile."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    size = (lowest - 10240) // 16
    first, start = 10240 + worker * size, random.randrange(size)
    for number in itertools.count():
        yield first + (start + number) % size


CANDIDATES = candidates()


def unused_port():
    """A port on which nothing listens: connecting to it is refused."""
    for port in CANDIDATES:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass  # somebody has it
