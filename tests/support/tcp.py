"""Plain TCP peers: servers that run a function per connection, clients, and what a client's first bytes may be."""

import ipaddress
import socket
import ssl
import struct
import threading


class Server:
    """A TCP server that gives each connection to `serve` on a thread of its own."""

    def __init__(self, serve, address="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, port), family=family, backlog=256)
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        self.connections, self.peers = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            self.peers.append(peer[0])
            self.connections.append(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        for connection in self.connections:
            connection.close()


def echo(connection):
    """Sends back what comes; after the client's end one word more, and the own end."""
    while received := connection.recv(65536):
        connection.sendall(received)
    connection.sendall(b"bye")
    connection.close()


def greeter(text):
    """Says `text` first, whoever comes, and stays until the client has ended."""
    def greet(connection):
        connection.sendall(text)
        while connection.recv(65536):
            pass
        connection.close()
    return greet


def connect(port, host="127.0.0.1", source=None):
    connection = socket.create_connection((host, port), timeout=10, source_address=(source, 0) if source else None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_all(connection):
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def is_over(connection):
    """The peer has ended the connection, by a FIN or, as Envoy does now and then, by a reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def reset(connection):
    """Closes with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def client_hello(server_name=None, alpn=()):
    """The first flight of a real TLS client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without its authorities: nobody answers
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def proxy_v1(source, source_port, destination, destination_port):
    family = "TCP4" if ipaddress.ip_address(source).version == 4 else "TCP6"
    return f"PROXY {family} {source} {destination} {source_port} {destination_port}\r\n".encode()


def proxy_v2(source, source_port, destination, destination_port, tlvs=(), command=1):
    """`tlvs`: pairs of type and value."""
    from_address, to_address = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    payload = from_address.packed + to_address.packed + struct.pack("!HH", source_port, destination_port)
    for kind, value in tlvs:
        payload += struct.pack("!BH", kind, len(value)) + value
    family = 0x11 if from_address.version == 4 else 0x21
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x20 | command, family, len(payload)) + payload
