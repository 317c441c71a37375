"""Steady traffic through the client's sidecar: it never stops while configurations change, and every answer counts."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from typing import Callable

Headers = Callable[[int], dict[str, str]]


class Window:
    """What the answers to one stretch of requests were. Filled by all clients at once; read it when it is complete."""

    def __init__(self, wanted: int, headers: Headers | None = None):
        self.wanted = wanted
        self.headers = headers or (lambda _number: {})
        self.versions: Counter[str] = Counter()
        self.instances: Counter[str] = Counter()
        self.by_headers: Counter[tuple[str, str]] = Counter()  # (user-id, version)
        self.failures: Counter[str] = Counter()
        self.complete = threading.Event()
        self._lock = threading.Lock()
        self._begun = 0
        self._done = 0

    @property
    def done(self) -> int:
        return self._done

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def begin(self) -> dict[str, str] | None:
        """The headers of the next request, or None where all have been given out."""
        with self._lock:
            if self._begun >= self.wanted:
                return None
            self._begun += 1
            return self.headers(self._begun)

    def record(self, headers: dict[str, str], status: int | None, version: str, instance: str, problem: str) -> None:
        with self._lock:
            self._done += 1
            if status == 200:
                self.versions[version] += 1
                self.instances[instance] += 1
                self.by_headers[headers.get("user-id", ""), version] += 1
            else:
                self.failures[problem or f"status {status} from {instance or 'the proxy'}"] += 1
            if self._done == self.wanted:
                self.complete.set()


    def absorb(self, other: Window) -> None:
        """Adds what a complete window has counted."""
        with self._lock:
            self._done += other.done
            for mine, theirs in ((self.versions, other.versions), (self.instances, other.instances),
                                 (self.by_headers, other.by_headers), (self.failures, other.failures)):
                mine.update(theirs)


_ENDLESS = 1 << 60


class Traffic:
    """A few clients, each with its own keep-alive connection, sending requests one after the other."""

    def __init__(self, port: int, host: str, clients: int = 4):
        self._port = port
        self._host = host
        self._stopping = False
        self._between = self._window = Window(_ENDLESS)
        self._clients = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        self._flowing = threading.Event()
        self._idle = threading.Semaphore(0)

    @property
    def between(self) -> Window:
        """What happened while no step was being measured: while configurations changed, above all."""
        return self._between

    def start(self) -> None:
        self._flowing.set()
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        self._stopping = True
        self._flowing.set()
        for client in self._clients:
            client.join()

    def pause(self) -> None:
        """Returns when no request is on its way any more."""
        self._flowing.clear()
        for _ in self._clients:
            self._idle.acquire()

    def resume(self) -> None:
        self._flowing.set()

    def settle(self) -> None:
        """Returns when every request sent before this call, and a few after it, have been answered."""
        self.pause()
        self.resume()
        window = self._between if self._window.complete.is_set() else self._window
        mark, deadline = window.done, time.monotonic() + 30
        while window.done < mark + 4 * len(self._clients):
            if time.monotonic() > deadline:
                raise RuntimeError("the traffic has stalled: no answers for 30 s")
            time.sleep(0.002)

    def measure(self, requests: int = _ENDLESS, headers: Headers | None = None) -> Window:
        """Counts the next `requests` in the returned window (all, until the next call, where no number is given)."""
        window = Window(requests, headers)
        self._window = window
        return window

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stopping:
            if not self._flowing.is_set():
                self._idle.release()
                self._flowing.wait()
                continue
            window = self._window
            headers = window.begin()
            if headers is None:
                window = self._between
                headers = window.begin() or {}
            window.record(headers, *self._request(connection, headers))
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, headers: dict[str, str]):
        try:
            connection.request("GET", "/", headers={"host": self._host, **headers})
            reply = connection.getresponse()
            reply.read()
            return reply.status, reply.getheader("x-version", ""), reply.getheader("x-instance", ""), ""
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # the next request connects anew
            return None, "", "", f"{type(error).__name__}: {error}"
