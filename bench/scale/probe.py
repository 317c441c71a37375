"""One client that asks a thousand times a second on a connection of its own, until it is told to end (SIGTERM); then it writes
what it saw: [when (monotonic seconds), how long (seconds), the last line of the answer; null: it was lost], one for each request."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

_REQUEST = b"GET / HTTP/1.1\r\nhost: ready.test\r\n\r\n"
_PERIOD = 0.001


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def ask(client: socket.socket) -> str | None:
    """The answer's body, which comes in one piece with its head; None: it was lost."""
    try:
        client.sendall(_REQUEST)
        data = client.recv(4096)
    except OSError:
        return None
    return data.rpartition(b"\r\n\r\n")[2].decode() if data.startswith(b"HTTP/1.1 200") else None


def run(port: int) -> list:
    samples, ended = [], []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    gc.disable()
    client = connect(port)
    while not ended:
        began = time.monotonic()
        answer = ask(client)
        took = time.monotonic() - began
        samples.append((began, took, answer))
        if answer is None:
            client.close()
            client = connect(port)
        time.sleep(max(0.0, _PERIOD - took))
    return samples


if __name__ == "__main__":
    try:  # else what is measured is how the kernel shares the processors out
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(40))
    except PermissionError:
        print("probe: not at once: this needs CAP_SYS_NICE", file=sys.stderr)
    Path(sys.argv[2]).write_text(json.dumps(run(int(sys.argv[1]))))
