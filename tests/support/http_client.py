"""A raw HTTP/1 client: sends exactly the bytes it is given and parses what comes back without any leniency."""

import re
import socket
import struct

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2}) ([^\x00-\x1f\x7f]*)\Z")
TIMEOUT = 20.0
NO_BODY = (204, 304)


class BadResponse(AssertionError):
    """The proxy sent something that is not well-formed HTTP/1."""


class ConnectionClosed(AssertionError):
    """The proxy closed the connection where more bytes were due. `seen` holds what had arrived of the message."""

    def __init__(self, where, seen=b""):
        super().__init__(f"connection closed {where}; had read {seen!r}")
        self.seen = seen


class Message:
    """What requests and responses share: header fields in order, body, trailers."""

    def __init__(self, headers, body=b"", trailers=()):
        self.headers = list(headers)
        self.body = body
        self.trailers = list(trailers)

    def get(self, name, default=None):
        """All values of one field, joined by a comma as RFC 9110 section 5.3 allows; `default` when absent."""
        values = self.all(name)
        return ",".join(values) if values else default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def has(self, name):
        return bool(self.all(name))


class Response(Message):
    def __init__(self, status, reason, headers, minor):
        super().__init__(headers)
        self.status = status
        self.reason = reason
        self.minor = minor
        self.interim = []  # The 1xx responses that came first.
        self.chunks = []  # Sizes of the chunks, when the body was chunked.

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def parse_fields(lines):
    """Header or trailer lines to (name, value) pairs; anything outside RFC 9112 section 5 is an error."""
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise BadResponse(f"bad field line {line!r}")
        value = value.strip(b" \t")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise BadResponse(f"control character in {line!r}")
        fields.append((name.decode(), value.decode("latin-1")))
    return fields


class Wire:
    """A socket with a read buffer; the base of both the client and the fake upstream."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, (bytes, bytearray, memoryview)) else data.encode("latin-1"))

    def fill(self, where):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionClosed(where, self.buffer)
        self.buffer += data

    def read_until(self, mark, where):
        while mark not in self.buffer:
            self.fill(where)
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def read_exactly(self, count, where):
        parts, missing = [self.buffer[:count]], count - len(self.buffer)
        self.buffer = self.buffer[count:]
        while missing > 0:
            data = self.sock.recv(min(missing, 262144))
            if not data:
                raise ConnectionClosed(where, b"".join(parts)[-200:])
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def read_head(self, where="in a head"):
        """The start line and the field lines of one message."""
        lines = self.read_until(b"\r\n\r\n", where).split(b"\r\n")
        for line in lines:
            if b"\n" in line or b"\r" in line:
                raise BadResponse(f"bare CR or LF in {line!r}")
        return lines[0], parse_fields(lines[1:])

    def read_chunked(self, message):
        """A chunked body into `message`, including its trailers."""
        body = []
        while True:
            size = self.read_until(b"\r\n", "in a chunk size")
            if not re.match(rb"[0-9a-fA-F]{1,16}\Z", size):
                raise BadResponse(f"bad chunk size {size!r}")
            count = int(size, 16)
            if count == 0:
                break
            body.append(self.read_exactly(count, "in a chunk"))
            if hasattr(message, "chunks"):
                message.chunks.append(count)
            if self.read_exactly(2, "after a chunk") != b"\r\n":
                raise BadResponse("chunk not followed by CRLF")
        message.body = b"".join(body)
        while True:
            line = self.read_until(b"\r\n", "in trailers")
            if not line:
                return
            message.trailers += parse_fields([line])

    def read_to_end(self):
        """Everything until the peer closes; a reset counts as an end as well."""
        parts = [self.buffer]
        self.buffer = b""
        while True:
            try:
                data = self.sock.recv(262144)
            except ConnectionResetError:
                return b"".join(parts)
            if not data:
                return b"".join(parts)
            parts.append(data)

    def wait_closed(self):
        """Waits for the peer's FIN or RST and fails if anything else arrives before it."""
        rest = self.read_to_end()
        assert rest == b"", f"unexpected bytes before the close: {rest[:500]!r}"

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with RST in place of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Client(Wire):
    """One client connection to the proxy."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(TIMEOUT)
        sock.connect((host, port))
        super().__init__(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method="GET", target="/", headers=(), body=b"", host="test.local"):
        """Sends one request and reads its response."""
        self.send(format_request(method, target, headers, body, host))
        return self.response(method)

    def response(self, method="GET"):
        """Reads one final response, with the interim ones before it in `.interim`."""
        interim = []
        while True:
            response = self.read_response_head()
            if response.status >= 200 or response.status == 101:
                response.interim = interim
                self.read_body(response, method)
                return response
            interim.append(response)

    def read_response_head(self):
        line, headers = self.read_head("before a complete response head")
        match = STATUS_LINE.match(line)
        if not match:
            raise BadResponse(f"bad status line {line!r}")
        return Response(int(match[2]), match[3].decode(), headers, int(match[1]))

    def read_body(self, response, method):
        length, coding = response.all("content-length"), response.all("transfer-encoding")
        if length and coding:
            raise BadResponse(f"both Content-Length and Transfer-Encoding: {response.headers}")
        if len(length) > 1 or (length and not length[0].isdigit()):
            raise BadResponse(f"bad Content-Length: {length}")
        if response.status == 101 or method == "HEAD" or response.status in NO_BODY:
            return
        if coding:
            if coding != ["chunked"]:
                raise BadResponse(f"bad Transfer-Encoding: {coding}")
            self.read_chunked(response)
        elif length:
            response.body = self.read_exactly(int(length[0]), "in a body")
        else:
            response.body = self.read_to_end()


def format_request(method="GET", target="/", headers=(), body=b"", host="test.local"):
    """The bytes of an ordinary request; a Content-Length is added for a body unless the caller frames it."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    if host is not None:
        pairs.insert(0, ("host", host))
    names = {name.lower() for name, _ in pairs}
    body = body.encode() if isinstance(body, str) else body
    if body and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("content-length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return head.encode("latin-1") + b"\r\n" + body


def chunked(*chunks, trailers=()):
    """A chunked body of exactly these chunks."""
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    ending = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    return b"".join(parts) + b"0\r\n" + ending.encode() + b"\r\n"


def fetch(port, target="/", method="GET", headers=(), body=b"", host="test.local"):
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.request(method, target, headers, body, host)
