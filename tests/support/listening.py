"""A server of the test's own: listens on a port until it is closed, with a thread that accepts."""

import socket
import threading


class Listening:
    """Subclasses say in `accepted(socket, peer's address)` what becomes of a connection, and call `listen` when they are ready for one."""

    def listen(self, address="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            self.accepted(sock, peer[0])
