"""Mixed load with a fault every second: `./dev soak --faults [MINUTES]`.

HTTP/1, HTTP/2 and TLS clients ask through one proxy with a retry policy, and every request has a mirror. Each fault befalls one of
four hosts, the mirror's host, or comes from a client of its own, and is one that the retry policy covers: no request may fail. When all
is over, the proxy has to be at rest, and its memory where it was after a first round of all faults.
"""

import collections
import itertools
import pathlib
import random
import ssl
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.bootstrap import bootstrap, cluster, http_listener, route, typed  # noqa: E402
from support.certificates import Authority  # noqa: E402
from support.faults import AT_REST, descriptors, resident  # noqa: E402
from support.http2_client import Http2Client  # noqa: E402
from support.http_client import Client, Wire, format_request  # noqa: E402
from support.proxy import Proxy, end_everything  # noqa: E402
from support.upstream import Upstream, reply  # noqa: E402
from support.waiting import wait_until  # noqa: E402

MIB = 1024 * 1024
MAY_GROW = 12 * MIB
TLS = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
POLICY = {"retry_on": "5xx", "num_retries": 5, "per_try_timeout": "2s", "host_selection_retry_max_attempts": 8,
          "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
          "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": PREVIOUS_HOSTS}}]}
ROOMY = {"thresholds": [{"max_retries": 1000, "max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}]}


class Host(Upstream):
    """Answers well, unless it has a fault: then as that says, whole connections or one request."""

    def __init__(self, name):
        self.fault = None
        super().__init__(name, script=self.behave)

    def behave(self, connection):
        while (request := connection.read_request()) is not None:
            if fault := self.fault:
                return fault(connection)
            connection.send(reply(200, {}, request.body))
        self.requests.clear()  # nobody looks at them, and they are many


def says(*pieces, then="close"):
    def fault(connection):
        for piece in pieces:
            connection.send(piece)
        getattr(connection, then)()
    return fault


HOST_FAULTS = {
    "resets": says(then="reset"),
    "ends": says(),
    "ends in a head": says(b"HTTP/1.1 200 OK\r\ncont"),
    "503": says(reply(503)),
    "garbage": says(b"\x00\x01\x02\r\n\r\n"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    "head too large": says(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n"),
    "silence": says(then="read_to_end"),
    "101 unasked": says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
}
CLIENT_FAULTS = {
    "a head that never ends": b"GET / HTTP/1.1\r\nHost: a\r\nx: ",
    "a body that is cut": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\npart",
    "no request at all": b"\x16\x03\x01\x00\x00\r\n\r\n",
    "a chunk that is none": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "who leaves at once": format_request(),
}


class Soak:
    def __init__(self, seed=1, report=print):
        self.report = report
        self.random = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remora-soak-"))
        self.hosts = [Host(f"host {number}") for number in range(4)]
        self.mirror = Host("mirror")
        self.answers = collections.Counter()
        self.failures = []
        self.over = threading.Event()
        self.proxy = Proxy(self.config(), concurrency=2, log_level="error")
        self.ports = {name: self.proxy.port(name) for name in ("plain", "tls")}

    def config(self):
        pair = Authority(self.folder).issue("soak", "DNS:test.local")
        action = {"to": "up", "timeout": "30s", "retry_policy": POLICY,
                  "request_mirror_policies": [{"cluster": "mirror"}]}
        plain = http_listener(route(**action), name="plain", request_headers_timeout="1s")
        tls = http_listener(route(**action), name="tls")
        tls["filter_chains"][0]["transport_socket"] = {
            "name": "tls", "typed_config": typed(TLS, common_tls_context={"tls_certificates": [pair.config()]})}
        return bootstrap([plain, tls], [
            cluster("up", *(host.port for host in self.hosts), circuit_breakers=ROOMY, lb_policy="LEAST_REQUEST",
                    outlier_detection={"consecutive_5xx": 5, "interval": "0.5s", "base_ejection_time": "0.5s",
                                       "max_ejection_time": "1s", "max_ejection_percent": 50}),
            cluster("mirror", self.mirror.port, circuit_breakers=ROOMY)])

    def http1(self, wrap=None, listener="plain"):
        with self.connect(wrap, listener) as client:
            for number in itertools.count():
                if self.over.is_set():
                    return
                body = f"{number}" * 50 if number % 3 == 0 else ""
                response = client.request("POST" if body else "GET", body=body)
                self.note(listener if wrap else "http1", response.status, response.text == body)

    def connect(self, wrap, listener):
        client = Client(self.ports[listener])
        if wrap:
            sock, client.sock = client.sock, None
            Wire.__init__(client, wrap(sock))
        return client

    def http2(self):
        with Http2Client(self.ports["plain"]) as client:
            while not self.over.is_set():
                streams = [client.request() for _ in range(4)]
                for stream in streams:
                    client.finish(stream)
                    self.note("http2", stream.status, stream.complete)

    def note(self, kind, status, whole):
        self.answers[kind] += 1
        if status != 200 or not whole:
            self.failures.append(f"{kind}: {status}, {'whole' if whole else 'not what was asked for'}, during {self.current}")

    def guarded(self, work):
        try:
            work()
        except Exception as error:  # Whatever it is, a request was lost.
            self.failures.append(f"{error!r}, during {self.current}")

    def fault(self, name):
        """One fault for a part of a second."""
        self.current = name
        if name in CLIENT_FAULTS:
            clients = [Client(self.ports["plain"]) for _ in range(20)]
            for client in clients:
                client.send(CLIENT_FAULTS[name])
            self.over.wait(0.3)
            for client in clients:
                self.random.choice((client.reset, client.close))()
        else:
            victim = self.mirror if self.random.random() < 0.2 else self.random.choice(self.hosts)
            victim.fault = HOST_FAULTS[name]
            self.over.wait(0.5)
            victim.fault = None

    def run(self, seconds):
        """All faults in turn, then by chance until the time is over. Gives what is wrong, one line each."""
        self.current = "nothing"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        works = [self.http1, self.http1, self.http2, self.http2, lambda: self.http1(context.wrap_socket, "tls")]
        threads = [threading.Thread(target=self.guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        names = [*HOST_FAULTS, *CLIENT_FAULTS]
        for name in names:
            self.fault(name)
        first, fds = resident(self.proxy), descriptors(self.proxy)
        end = time.monotonic() + seconds
        for number in itertools.count(1):
            begun = time.monotonic()
            if begun > end or len(self.failures) > 20:
                break
            self.fault(self.random.choice(names))
            if number % 10 == 0:
                self.tell(end)
            self.over.wait(max(0, begun + 1 - time.monotonic()))
        self.over.set()
        for thread in threads:
            thread.join(60)
        return self.judge(first, fds, threads)

    def tell(self, end):
        stats = self.proxy.stats("cluster[.]up[.](upstream_rq_retry|outlier_detection[.]ejections_enforced_total)$")
        asked = ", ".join(f"{kind} {count}" for kind, count in sorted(self.answers.items()))
        self.report(f"{max(0, end - time.monotonic()):5.0f} s left: {asked}; {stats.get('cluster.up.upstream_rq_retry', 0)} retries, "
                    f"{stats.get('cluster.up.outlier_detection.ejections_enforced_total', 0)} ejections, "
                    f"{len(self.failures)} failures, {resident(self.proxy) // MIB} MiB", flush=True)

    def judge(self, first, fds, threads):
        wrong = [f"failed: {failure}" for failure in self.failures[:20]]
        wrong += ["a client has not ended"] * sum(thread.is_alive() for thread in threads)
        try:
            self.wait_rest()
        except AssertionError as error:
            wrong.append(str(error))
        grown = resident(self.proxy) - first
        if grown > MAY_GROW:
            wrong.append(f"memory has grown by {grown // MIB} MiB")
        if descriptors(self.proxy) > fds + 20:
            wrong.append(f"{descriptors(self.proxy)} descriptors, after the first round there were {fds}")
        if not self.proxy.running:
            wrong.append(f"the proxy has ended:\n{self.proxy.tail()}")
        if not self.proxy.stat("cluster.up.upstream_rq_retry"):
            wrong.append("not one retry: the faults have not come through")
        return wrong

    def wait_rest(self):
        names = AT_REST.replace("http\\.in", "http\\.(plain|tls)")

        def busy():
            return {name: value for name, value in self.proxy.stats(names).items()
                    if value and not name.endswith("upstream_cx_active")}
        wait_until(lambda: not busy(), lambda: f"at rest: {busy()}")

    def close(self):
        self.over.set()
        self.proxy.stop()
        for host in [*self.hosts, self.mirror]:
            host.close()


def main(minutes):
    soak = Soak(seed=int(time.time()))
    try:
        wrong = soak.run(minutes * 60)
    finally:
        soak.close()
        end_everything()
    for line in wrong:
        print(line)
    print(f"soak: {sum(soak.answers.values())} requests, " + ("nothing lost" if not wrong else f"{len(wrong)} things wrong"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
