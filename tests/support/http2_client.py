"""An HTTP/2 client at frame level, for what no real client does: frames by hand, windows that stay shut, floods."""

import socket
import struct

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hyperframe.frame

from support.http_client import Message

TIMEOUT = 20
WEBSOCKET = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
             (":authority", "test.local")]


class Response(Message):
    """One stream as the client sees it: status and fields, body, trailers, and how it ended."""

    def __init__(self, number):
        super().__init__([])
        self.number = number
        self.status = None
        self.interim = []
        self.complete = False
        self.reset_code = None

    def __repr__(self):
        return f"<stream {self.number}: {self.status} {self.headers} {self.body[:200]!r} reset={self.reset_code}>"

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def over(self):
        return self.complete or self.reset_code is not None


class Http2Client:
    """One connection with prior knowledge. `reads`: gives windows back at once; `settings`: what it announces; `sock`: in
    place of a new connection to `port`."""

    def __init__(self, port=None, reads=True, settings=None, wrap=None, sock=None):
        self.reads = reads
        sock = sock or socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.sock = wrap(sock) if wrap else sock
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False,
                                           header_encoding="latin-1")
        self.http = h2.connection.H2Connection(config)
        self.http.local_settings.update(settings or {})
        self.responses = {}
        self.unparsed = b""
        self.goaway = None  # The code of the proxy's GOAWAY.
        self.last_stream = None
        self.pongs = 0
        self.closed = False
        self.http.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def flush(self):
        self.sock.sendall(self.http.data_to_send())

    def send_raw(self, data):
        """Bytes that the state machine knows nothing of."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.closed = True  # the proxy has had enough

    def request(self, target="/", method="GET", headers=(), body=None, end=True, fields=None):
        """Opens a stream. `fields`: all of the head, in place of the usual pseudo headers."""
        number = self.http.get_next_available_stream_id()
        head = fields or [(":method", method), (":scheme", "http"), (":path", target), (":authority", "test.local")]
        self.responses[number] = Response(number)
        self.http.send_headers(number, [*head, *headers], end_stream=end and body is None)
        self.flush()
        if body is not None:
            self.send(number, body, end)
        return self.responses[number]

    def send(self, number, body, end=False):
        """As windows allow, waiting for more."""
        while body:
            room = min(self.http.local_flow_control_window(number), self.http.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            self.http.send_data(number, body[:room], end_stream=end and len(body) <= room)
            body = body[room:]
            self.flush()
            if not body:
                return
        self.http.send_data(number, b"", end_stream=end)
        self.flush()

    def trailers(self, number, fields):
        self.http.send_headers(number, fields, end_stream=True)
        self.flush()

    def reset(self, number, code=8):
        self.http.reset_stream(number, code)
        self.flush()

    def receive(self):
        """What the proxy sends next; False when it has closed."""
        try:
            data = self.sock.recv(262144)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.take(data)
        self.flush()
        return True

    def take(self, data):
        """Frame by frame; h2 takes nothing more after a GOAWAY, so it does not get to see one."""
        self.unparsed += data
        while len(self.unparsed) >= 9:
            size = 9 + int.from_bytes(self.unparsed[:3], "big")
            if len(self.unparsed) < size:
                break
            one, self.unparsed = self.unparsed[:size], self.unparsed[size:]
            if one[3] == 7:
                self.last_stream, self.goaway = struct.unpack(">II", one[9:17])
            else:
                for event in self.http.receive_data(one):
                    self.handle(event)

    def handle(self, event):
        response = self.responses.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.InformationalResponseReceived):
            response.interim.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.ResponseReceived):
            response.status = int(dict(event.headers)[":status"])
            response.headers = [(name, value) for name, value in event.headers if name[0] != ":"]
        elif isinstance(event, h2.events.DataReceived):
            response.body += event.data
            if self.reads and event.flow_controlled_length:
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            response.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            response.complete = True
        elif isinstance(event, h2.events.StreamReset):
            if response and not response.complete:
                response.reset_code = event.error_code
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1

    def wait(self, condition, what="the condition"):
        """Reads until `condition()` holds."""
        while not condition():
            assert self.receive(), f"closed (GOAWAY {self.goaway}) before {what}: {list(self.responses.values())}"

    def finish(self, response):
        self.wait(lambda: response.over, "the end of a stream")
        return response

    def fetch(self, *arguments, **more):
        return self.finish(self.request(*arguments, **more))

    def ping(self):
        """Everything sent so far has been looked at by the proxy when this returns."""
        before = self.pongs
        self.http.ping(b"12345678")
        self.flush()
        self.wait(lambda: self.pongs > before, "the answer to a PING")

    def wait_goaway(self):
        """Reads until the proxy closes; the code of its GOAWAY, None if there was none."""
        while True:
            try:
                data = self.sock.recv(262144)
            except ConnectionResetError:
                data = b""
            if not data:
                return self.goaway
            self.take(data)

    def close(self):
        self.sock.close()


def frame(kind, stream=0, **fields):
    """The bytes of one frame: `frame("Ping", opaque_data=b"...")`."""
    flags = fields.pop("flags", ())
    made = getattr(hyperframe.frame, kind + "Frame")(stream, **fields)
    for flag in flags:
        made.flags.add(flag)
    return made.serialize()
