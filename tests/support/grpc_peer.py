"""A real gRPC server and client (tests/grpc, on the grpc++ library) as processes."""

import json
import subprocess

from support.proxy import Process, bin_dir
from support.waiting import wait_until

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED = range(5)
RESOURCE_EXHAUSTED, ABORTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 8, 10, 12, 13, 14

SHAPES = ("unary", "collect", "spread", "chat")


def program(name):
    path = bin_dir() / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: build the target {name}")
    return path


def words(flags):
    """deadline_ms=5 -> --deadline-ms=5; a list is a flag several times; True is a flag alone; None is none."""
    for name, value in flags.items():
        for each in value if isinstance(value, list) else [value]:
            if each is not None and each is not False:
                yield f"--{name.replace('_', '-')}" + ("" if each is True else f"={each}")


class GrpcServer(Process):
    """Serves remora.test.Peer. With `events`, begun() and ended() tell of its calls."""

    def __init__(self, name="grpc-server", **flags):
        super().__init__(name, [program("test_grpc_server"), *words(flags)])
        self.port = wait_until(self.find_port, lambda: f"the gRPC server listening; its log: {self.log}")

    def find_port(self):
        lines = self.lines()
        return lines[0]["port"] if lines else None

    def lines(self):
        complete, _, _ = self.log.rpartition("\n")
        return [json.loads(line) for line in complete.splitlines() if line.startswith("{")]

    def begun(self):
        return [line for line in self.lines() if line.get("event") == "begin"]

    def ended(self):
        return [line for line in self.lines() if line.get("event") == "end"]


class Result:
    """What the client printed."""

    def __init__(self, text):
        fields = json.loads(text)
        self.statuses = {int(status): int(count) for status, count in fields["statuses"]}
        self.messages = fields["messages"]
        self.intact = fields["intact"]
        self.status = fields["status"]
        self.message = fields["message"].encode("latin-1").decode()  # each byte came as a code point
        self.head = [tuple(pair) for pair in fields["head"]]
        self.tail = [tuple(pair) for pair in fields["tail"]]
        self.ms = fields["ms"]

    def __repr__(self):
        return f"<{self.statuses} messages={self.messages} intact={self.intact} {self.message!r}>"


def call(port, method="unary", deadline=60, **flags):
    """Runs the client to its end."""
    done = subprocess.run([program("test_grpc_client"), *words({"target": f"127.0.0.1:{port}", "method": method, **flags})],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=deadline)
    assert done.returncode == 0, done.stderr
    return Result(done.stdout)


def start_call(port, method="unary", **flags):
    """The client as a process, for calls that something happens to meanwhile."""
    return Process("grpc-client", [program("test_grpc_client"),
                                   *words({"target": f"127.0.0.1:{port}", "method": method, **flags})])
