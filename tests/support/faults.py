"""What tests of faults look at: how requests ended, and what a proxy holds once nothing happens any more."""

import collections
import os

from support.bootstrap import bootstrap, cluster, file_log, http_listener, route
from support.proxy import Proxy
from support.waiting import wait_until

LINE = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
SERVED = "200 - via_upstream"
AT_REST = "^(http\\.in|cluster\\.up)\\.(downstream|upstream)_(cx|rq|rq_pending)_active$"


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.pid}/fd"))


def resident(proxy):
    """Bytes of memory."""
    with open(f"/proc/{proxy.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


class Faced:
    """A proxy with an access log, before the hosts of one cluster `up`."""

    def __init__(self, kind, folder, *ports, settings=None, cluster_settings=None, log=LINE, launch=Proxy, **action):
        self.log_path = folder / f"{kind}.log"
        front = http_listener(route(to="up", **action), access_log=[file_log(self.log_path, log)], **(settings or {}))
        self.proxy = launch(bootstrap([front], [cluster("up", *ports, **(cluster_settings or {}))]), kind=kind)
        self.resting = None
        self.marked = collections.Counter()

    def stop(self):
        self.proxy.stop()

    def log(self):
        return collections.Counter(self.log_path.read_text().splitlines() if self.log_path.exists() else [])

    def mark(self):
        """What is in the log by now does not count any more."""
        self.marked = self.log()

    def assert_logged(self, line, count):
        """Since the mark, `line` came so often, and nothing else but requests that were served."""
        def new():
            return self.log() - self.marked
        wait_until(lambda: new()[line] >= count, lambda: f"{count} times '{line}' in {new()}")
        assert set(new()) <= {line, SERVED}, new()

    def busy(self):
        """What is still active, but for connections to the upstream that wait for their next request."""
        return {name: value for name, value in self.proxy.stats(AT_REST).items()
                if value and not name.endswith("upstream_cx_active")}

    def surplus(self):
        """Descriptors beside those of connections to the upstream."""
        return descriptors(self.proxy) - self.proxy.stat("cluster.up.upstream_cx_active")

    def remember(self):
        """This is how it is at rest: to be called after a first request, when all that is made once is there."""
        wait_until(lambda: not self.busy(), lambda: f"at rest before the fault: {self.busy()}")
        self.resting = self.surplus()

    def assert_nothing_left(self):
        wait_until(lambda: not self.busy(), lambda: f"nothing active: {self.busy()}")
        wait_until(lambda: self.surplus() <= self.resting,
                   lambda: f"as many descriptors as before: {self.surplus()}, not {self.resting}")
