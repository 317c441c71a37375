"""What an idle keep-alive connection costs each proxy in memory.

Every connection carries one request and then stays open. The first connections are not counted: they pay for
pools and buffers that the later ones share.
"""

from __future__ import annotations

import resource
import socket

from load.peers import PATH, Proxy

_WARM_UP = 200
_REQUEST = f"GET {PATH} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def table(proxies: dict[str, Proxy], connections: int) -> str:
    """Opens `connections` to each proxy in turn; a Markdown table of KiB per connection."""
    _allow_files(connections + _WARM_UP + 100)
    lines = [f"{connections} idle keep-alive connections, one request each, after {_WARM_UP} to warm up", "",
             "| proxy | RSS before MiB | RSS with them MiB | KiB per connection |", "|---|---|---|---|"]
    for name, proxy in proxies.items():
        before, after = _grow(proxy, connections)
        lines.append(f"| {name} | {before / 1024:.1f} | {after / 1024:.1f} | {(after - before) / connections:.2f} |")
    return "\n".join(lines)


def _grow(proxy: Proxy, connections: int) -> tuple[int, int]:
    opened: list[socket.socket] = []
    try:
        for _ in range(_WARM_UP):
            opened.append(connect(proxy.port))
        before = proxy.process.usage().rss_kib
        for _ in range(connections):
            opened.append(connect(proxy.port))
        return before, proxy.process.usage().rss_kib
    finally:
        for connection in opened:
            connection.close()


def connect(port: int) -> socket.socket:
    """A connection that has had one request answered in full."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    exchange(connection)
    return connection


def exchange(connection: socket.socket) -> None:
    """One request, answered in full, with a content-length, and 200."""
    connection.sendall(_REQUEST)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2])
    while len(body) < length:
        body += _receive(connection)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the proxy answered {head.splitlines()[0].decode()}")


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the proxy closed a connection that was to stay open")
    return data


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise RuntimeError(f"{needed} open files are needed, the limit is {hard} (ulimit -Hn)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
