"""A name server of the test's own, on one port of UDP and TCP: it answers as the test scripts it, and can be wrong in many ways."""

import ipaddress
import socket
import struct
import threading

from support.waiting import wait_until

A, AAAA, OPT = 1, 28, 41
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
UDP_LIMIT = 512


class Answer:
    """What a name has, and how its answer goes wrong, if it does.

    `fault`: "garbage" (bytes that are no message), "wrong id", "truncated" (over UDP; the whole over TCP) or "silent".
    """

    def __init__(self, *addresses, ttl=300, rcode=NOERROR, fault=None):
        self.addresses, self.ttl, self.rcode, self.fault = [ipaddress.ip_address(each) for each in addresses], ttl, rcode, fault

    def of(self, kind):
        return [each for each in self.addresses if each.version == (4 if kind == A else 6)]


class DnsServer:
    def __init__(self, address="127.0.0.1", port=0):
        self.answers, self.questions, self.held = {}, [], {}
        self.lock = threading.Lock()
        self.address = address
        self.bind(port)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    def bind(self, port):
        """A port that is free for both."""
        for _ in range(50):
            self.tcp = socket.create_server((self.address, port))
            self.port = self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                return self.udp.bind((self.address, self.port))
            except OSError:
                self.udp.close()
                self.tcp.close()
        raise OSError("no port is free for both UDP and TCP")

    def close(self):
        self.udp.close()
        self.tcp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set(self, name, *addresses, **more):
        """What the name has from now on; names without an answer do not exist."""
        self.answers[name.lower()] = Answer(*addresses, **more)

    def hold(self, name):
        """Questions for the name are answered when it is released."""
        with self.lock:
            self.held.setdefault(name.lower(), [])

    def release(self, name):
        with self.lock:
            waiting = self.held.pop(name.lower(), [])
        for message, reply, over in waiting:
            self.reply(message, reply, over)

    def count(self, name, kind=None, over=None):
        return sum(1 for asked, asked_kind, asked_over in list(self.questions)
                   if asked == name.lower() and kind in (None, asked_kind) and over in (None, asked_over))

    def wait_asked(self, name, times, **more):
        wait_until(lambda: self.count(name, **more) >= times, lambda: f"{name} asked {times} times, is {self.count(name, **more)}")

    def serve_udp(self):
        while True:
            try:
                message, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            self.take(message, lambda answer, to=peer: self.udp.sendto(answer, to), "udp")

    def serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_stream, args=(sock,), daemon=True).start()

    def serve_stream(self, sock):
        stream = sock.makefile("rwb")
        def send(answer):
            stream.write(struct.pack("!H", len(answer)) + answer)
            stream.flush()
        try:
            while size := stream.read(2):
                self.take(stream.read(struct.unpack("!H", size)[0]), send, "tcp")
        except (OSError, struct.error):
            pass
        sock.close()

    def take(self, message, reply, over):
        name, kind, _ = question(message)
        with self.lock:
            self.questions.append((name, kind, over))
            if name in self.held:
                return self.held[name].append((message, reply, over))
        self.reply(message, reply, over)

    def reply(self, message, reply, over):
        name, kind, end = question(message)
        answer = self.answers.get(name, Answer(rcode=NXDOMAIN))
        if answer.fault == "silent":
            return
        try:
            if answer.fault == "garbage":
                return reply(bytes(range(200)))
            if answer.fault == "wrong id":
                message = bytes([message[0] ^ 0xff, message[1]]) + message[2:]
            reply(encode(message, end, answer, kind, over))
        except OSError:
            pass  # the other side has gone


def question(message):
    """The name, lower-case; the type; where the question ends."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack("!H", message[at + 1:at + 3])[0], at + 5


def encode(message, end, answer, kind, over):
    records = [b"\xc0\x0c" + struct.pack("!HHiH", kind, 1, answer.ttl, len(each.packed)) + each.packed
               for each in answer.of(kind)]
    cut = over == "udp" and (answer.fault == "truncated" or end + sum(map(len, records)) > UDP_LIMIT)
    kept = [] if cut else records
    flags = 0x8580 | answer.rcode | (0x0200 if cut else 0)
    return message[:2] + struct.pack("!HHHHH", flags, 1, len(kept), 0, 0) + message[12:end] + b"".join(kept)
