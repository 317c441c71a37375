"""A fake HTTP/2 upstream at frame level: it records the streams that the proxy opened and does to them what a test wants."""

import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame

from support.listening import Listening
from support.http_client import Message
from support.waiting import wait_until

Codes = h2.settings.SettingCodes


class Stream(Message):
    """One request: its fields (pseudo headers among them), body and end."""

    def __init__(self, link, number, headers):
        super().__init__(headers)
        self.link = link
        self.number = number
        self.complete = False
        self.reset_code = None  # The code of the proxy's RST_STREAM.
        self.unsent = b""  # What the proxy's window has no room for yet.
        self.after = None  # What follows it: None (nothing yet), () the end, or trailers.

    def __repr__(self):
        return f"<stream {self.number} {self.headers} {self.body[:100]!r}>"

    def respond(self, status=200, headers=(), body=b"", trailers=None, end=True):
        """The head, then as much of the body as there is window for, the rest as it opens."""
        with self.link.writing() as http:
            bare = end and not body and trailers is None
            http.send_headers(self.number, [(":status", str(status)), *headers], end_stream=bare)
            if not bare:
                self.unsent += body
                self.after = (list(trailers) if trailers else ()) if end else None
                self.link.pump(self)

    def inform(self, status, headers=()):
        with self.link.writing() as http:
            http.send_headers(self.number, [(":status", str(status)), *headers])

    def send(self, body, end=False):
        with self.link.writing():
            self.unsent += body
            self.after = () if end else None
            self.link.pump(self)

    def reset(self, code=8):
        with self.link.writing() as http:
            http.reset_stream(self.number, code)

    def acknowledge(self):
        """Gives the window for everything that has arrived back."""
        with self.link.writing() as http:
            if self.held:
                http.acknowledge_received_data(self.held, self.number)
                self.held = 0

    held = 0


class Link:
    """One connection from the proxy."""

    def __init__(self, sock, upstream, number):
        self.sock = sock
        self.upstream = upstream
        self.number = number
        self.streams = {}
        self.pings = 0
        self.goaway = None  # The code of the proxy's GOAWAY.
        self.closed = False
        self.lock = threading.RLock()
        config = h2.config.H2Configuration(client_side=False, validate_outbound_headers=False, header_encoding="latin-1")
        self.http = h2.connection.H2Connection(config)
        defaults = dict(self.http.local_settings)
        self.http.local_settings = h2.settings.Settings(client=False, initial_values={**defaults, **upstream.settings})

    def writing(self):
        return Writing(self)

    def run(self):
        with self.writing() as http:
            http.initiate_connection()
        try:
            while data := self.sock.recv(65536):
                with self.lock:
                    events = self.receive(data)
                for event in events:
                    self.handle(event)
        except OSError:
            pass
        finally:
            self.close()

    def receive(self, data):
        if self.upstream.mute:
            return []
        with self.writing() as http:
            return http.receive_data(data)

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event.stream_id, event.headers)
            self.upstream.streams.append(stream)
            self.upstream.on_head(stream)
        elif isinstance(event, h2.events.DataReceived):
            stream = self.streams[event.stream_id]
            stream.body += event.data
            stream.held += event.flow_controlled_length
            if self.upstream.reads:
                stream.acknowledge()
        elif isinstance(event, h2.events.TrailersReceived):
            self.streams[event.stream_id].trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream = self.streams[event.stream_id]
            stream.complete = True
            self.upstream.on_request(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.streams[event.stream_id].reset_code = event.error_code
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif isinstance(event, h2.events.WindowUpdated):
            with self.writing():
                for stream in self.streams.values():
                    self.pump(stream)

    def pump(self, stream):
        """Sends what the windows allow of what a stream still has to say."""
        while stream.unsent:
            try:
                room = min(self.http.local_flow_control_window(stream.number), self.http.max_outbound_frame_size)
            except h2.exceptions.StreamClosedError:
                return
            if room == 0:
                return
            self.http.send_data(stream.number, stream.unsent[:room])
            stream.unsent = stream.unsent[room:]
        if stream.after is not None:
            after, stream.after = stream.after, None
            if after:
                self.http.send_headers(stream.number, after, end_stream=True)
            else:
                self.http.end_stream(stream.number)

    def go_away(self, last_stream, code=0):
        """By hand: h2 says nothing more after a GOAWAY of its own, not even in streams under way."""
        self.send_raw(hyperframe.frame.GoAwayFrame(0, last_stream_id=last_stream, error_code=code).serialize())

    def set(self, settings):
        with self.writing() as http:
            http.update_settings(settings)

    def send_raw(self, data):
        with self.lock:
            self.sock.sendall(data)

    def close(self):
        self.closed = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Writing:
    """The connection's state machine for a moment; what it has to say is sent at the end."""

    def __init__(self, link):
        self.link = link

    def __enter__(self):
        self.link.lock.acquire()
        return self.link.http

    def __exit__(self, *_):
        try:
            data = self.link.http.data_to_send()
            if data:
                self.link.sock.sendall(data)
        except OSError:
            pass  # the proxy has gone
        finally:
            self.link.lock.release()


class Http2Upstream(Listening):
    """Listens on a port of its own until closed. `on_request(stream)` is called for each complete request, by default it
    answers 200 with the upstream's name; `on_head(stream)` for each head. `wrap` makes a TLS socket of an accepted one.
    """

    def __init__(self, name="upstream", on_request=None, on_head=None, settings=None, reads=True, wrap=None,
                 address="127.0.0.1", port=0):
        self.name = name
        self.on_request = on_request or (lambda stream: stream.respond(200, [("x-upstream", name)], name.encode()))
        self.on_head = on_head or (lambda stream: None)
        self.settings = settings or {}
        self.reads = reads  # Gives the window of request bodies back at once.
        self.mute = False  # Neither reads frames nor answers PINGs.
        self.wrap = wrap or (lambda sock: sock)
        self.links = []
        self.streams = []
        self.listen(address, port)

    def accepted(self, sock, _):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            link = Link(self.wrap(sock), self, len(self.links))
        except OSError:
            return  # no TLS with this one
        self.links.append(link)
        threading.Thread(target=link.run, daemon=True).start()

    def wait_for(self, count=1):
        """Waits until `count` requests have begun to arrive, and returns them."""
        wait_until(lambda: len(self.streams) >= count,
                   lambda: f"{count} streams at {self.name}, got {self.streams}")
        return self.streams

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for link in self.links:
            link.close()
