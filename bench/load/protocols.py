"""The scenarios beyond HTTP/1.1 in plain text: HTTP/2, TLS, and pairs of sidecars with mutual TLS between them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field

from load import certificates, fairness, peers
from load.ends import Ends
from load.generator import HEADERS
from load.peers import Proxy, Setup
from load.processes import Processes


@dataclass(frozen=True)
class Scenario:
    """`hop`: the protocol between two sidecars, which is mutual TLS; "": there is one proxy."""

    name: str
    title: str
    client: str
    client_tls: bool = False
    hop: str = ""
    peers: tuple[str, ...] = ("nginx", "haproxy", "envoy", "remora")

    def ends(self, files: certificates.Certificates) -> list[Ends]:
        """Of each proxy on the way, the client's first."""
        if not self.hop:
            return [Ends(self.client, certificates=files, client_tls=self.client_tls)]
        return [Ends(self.client, self.hop, files, server_tls=True),
                Ends(self.hop, "h1", files, client_tls=True, mutual=True)]


_PAIRS = ("haproxy", "envoy", "remora")  # nginx has no HTTP/2 towards upstreams

SCENARIOS = (
    Scenario("h2c", "HTTP/2 in plain text", "h2"),
    Scenario("tls-h1", "HTTP/1.1 over TLS", "h1", client_tls=True),
    Scenario("tls-h2", "HTTP/2 over TLS", "h2", client_tls=True),
    Scenario("pair-h1", "two sidecars, client HTTP/1.1, mutual TLS with HTTP/2 between them", "h1", hop="h2", peers=_PAIRS),
    Scenario("pair-h2", "two sidecars, client HTTP/2, mutual TLS with HTTP/2 between them", "h2", hop="h2", peers=_PAIRS),
    Scenario("pair-h1-h1", "two sidecars, client HTTP/1.1, mutual TLS with HTTP/1.1 between them", "h1", hop="h1",
             peers=_PAIRS),
)
NAMES = tuple(scenario.name for scenario in SCENARIOS)


@dataclass
class Chain:
    """The processes of one peer in one scenario."""

    name: str
    proxies: list[Proxy]

    @property
    def front(self) -> Proxy:
        return self.proxies[0]

    def cpu(self) -> list[float]:
        return [proxy.process.usage().cpu_seconds for proxy in self.proxies]

    def rss_kib(self) -> int:
        return sum(proxy.process.usage().rss_kib for proxy in self.proxies)


@dataclass
class Round:
    """One round of load through one chain."""

    requests: int
    requests_per_second: float
    cpu_us: list[float]  # per request, of each process
    rss_kib: int
    errors: int

    @property
    def cpu_us_per_request(self) -> float:
        return sum(self.cpu_us)


@dataclass
class Result:
    version: str
    cipher: str = ""
    rounds: list[Round] = field(default_factory=list)
    counted: int | None = None


def start_chain(name: str, scenario: Scenario, setup: Setup, files, processes: Processes) -> Chain:
    """The proxies from the server's side on, each the backend of the next. RuntimeError if one does less than it should."""
    proxies: list[Proxy] = []
    backend = setup.backend_port
    for place, ends in reversed(list(enumerate(scenario.ends(files)))):
        label = f"{scenario.name}-{name}-{place}"
        directory = setup.directory / label
        directory.mkdir()
        proxy = peers.start(name, Setup(setup.build, directory, backend, ends), processes, label=label)
        proxies.insert(0, proxy)
        backend = proxy.port
    for proxy in proxies:
        if faults := fairness.faults(proxy):
            raise RuntimeError("does less than the others: " + "; ".join(faults))
    return Chain(name, proxies)


def load(chain: Chain, connections: int, streams: int, seconds: float) -> tuple[Round, str]:
    """As many requests as the chain takes, by h2load; the cipher that was agreed on."""
    before = chain.cpu()
    output = _h2load(chain.front, connections, streams, seconds)
    spent = [after - start for start, after in zip(before, chain.cpu())]
    done, good = _counts(output)
    took = re.search(r"finished in ([\d.]+)(m?)s", output)
    if took is None or good == 0:
        raise RuntimeError(f"{chain.name} completed no request:\n{output}\n{chain.front.process.log_tail()}")
    wall = float(took.group(1)) / (1000 if took.group(2) else 1)
    cipher = re.search(r"Cipher: (\S+)", output)
    return Round(good, good / wall, [cpu * 1e6 / good for cpu in spent], chain.rss_kib(),
                 max(0, done - good)), cipher.group(1) if cipher else ""


def _counts(output: str) -> tuple[int, int]:
    """How many requests were answered, and how many of them well."""
    requests = re.search(r"requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, \d+ failed, (\d+) errored", output)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if requests is None or codes is None:
        return 0, 0
    done, errored = map(int, requests.groups())
    known = list(map(int, codes.groups()))
    # h2load reads an HTTP/1.1 status only where a reason phrase follows; haproxy writes none for answers of HTTP/2.
    return done, known[0] if sum(known) else done - errored


def _h2load(proxy: Proxy, connections: int, streams: int, seconds: float) -> str:
    words = ["h2load", "--threads", "1", "--clients", str(connections), "--duration", str(max(1, round(seconds)))]
    words += ["--h1"] if proxy.ends.client == "h1" else ["--max-concurrent-streams", str(streams)]
    words += [word for header in HEADERS for word in ("-H", header)]
    run = subprocess.run([*words, proxy.url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=seconds * 3 + 60)
    if run.returncode != 0:
        raise RuntimeError(f"h2load failed: {run.stdout}")
    return run.stdout


def check_counts(chain: Chain, result: Result) -> None:
    """Each proxy's own statistics must agree with what the client completed."""
    completed = sum(each.requests for each in result.rounds)
    for proxy in chain.proxies:
        counted = proxy.counter("cluster.backend.upstream_rq_total")
        if counted is not None and counted < completed:
            raise RuntimeError(f"{chain.name} counts {counted} requests, the client completed {completed}")
        result.counted = counted
