"""What a proxy that dies of a fatal signal says first: the signal, where in the program, and the request that it was at (docs/faults.md, row 40)."""

import ctypes
import pathlib
import platform
import re
import resource
import signal
import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import format_request
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("its report has another form")
TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]


def worker_of(proxy):
    threads = pathlib.Path(f"/proc/{proxy.pid}/task").iterdir()
    return next(int(thread.name) for thread in threads if (thread / "comm").read_text().strip() == "wrk:worker_0")


@pytest.fixture
def proxy(start, closing, request):
    over = threading.Event()
    request.addfinalizer(over.set)
    upstream = closing(Upstream(script=lambda connection: over.wait(60)))  # reads nothing
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", upstream.port)]))
    maps = pathlib.Path(f"/proc/{proxy.pid}/maps").read_text()
    if "libasan" in maps or "libtsan" in maps:
        pytest.skip("a sanitizer has its own way to end a process")
    resource.prlimit(proxy.pid, resource.RLIMIT_CORE, (0, 0))
    return proxy


@pytest.mark.parametrize("number, name", [(signal.SIGSEGV, "Segmentation fault"), (signal.SIGBUS, "Bus error"), (signal.SIGABRT, "Aborted"),
                                          (signal.SIGFPE, "Floating point exception"), (signal.SIGILL, "Illegal instruction")])
def test_a_worker_that_rests(proxy, number, name):
    assert ctypes.CDLL(None).syscall(TGKILL, proxy.pid, worker_of(proxy), int(number)) == 0
    assert proxy.wait() == -number, "the signal takes its course"
    proxy.killed = True
    assert re.search(rf"Caught {name}, suspect faulting address 0x[0-9a-f]+, in thread wrk:worker_0\nBacktrace.*\n(.*remora\(.*\n)+",
                     proxy.log.replace(str(pathlib.Path(proxy.command[0]).parent), "")), proxy.log
    assert "The thread worked for no request\n" in proxy.log


def test_a_request_that_there_is_no_memory_for(proxy):
    """A body that waits for its upstream needs memory; where the process gets none, it ends (row 32), and says of what."""
    with proxy.connect() as client:
        client.send(format_request("POST", "/the/last?one=1", {"content-length": "90000000"}))
        proxy.wait_stat("cluster.up.upstream_rq_active")
        resource.prlimit(proxy.pid, resource.RLIMIT_DATA, (1 << 20, resource.RLIM_INFINITY))
        try:
            for _ in range(9000):
                client.send(b"x" * 10000)
        except OSError:
            pass  # it has died
        wait_until(lambda: not proxy.running, lambda: f"the proxy ends, {proxy.tail()}")
    assert proxy.wait() == -signal.SIGABRT
    proxy.killed = True
    assert "Caught Aborted" in proxy.log
    assert re.search(r"The thread worked for connection \d+, stream \d+: POST test\.local /the/last\?one=1, to cluster up\n", proxy.log), proxy.log
