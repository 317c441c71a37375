"""Processes of a benchmark or demo: started, measured and ended by their process id, also after Ctrl-C."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_GIVEN: set[int] = set()  # ports that free_port has handed out


def free_port() -> int:
    """A TCP port on 127.0.0.1 that is free, and that nobody gets who lets the kernel choose: it lies below those ports."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10240, lowest)
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port


def _die_with_parent() -> None:
    """In the child: the kernel ends it should this script be killed outright."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Usage:
    """Of a process, its threads and its child processes."""

    cpu_seconds: float
    rss_kib: int


class Process:
    """One started program; its output goes to `log`."""

    def __init__(self, name: str, command: list[str], log: Path):
        self.name = name
        self.log = log
        with log.open("wb") as output:
            # Its own session, so that Ctrl-C at the terminal reaches this script alone, which then ends it.
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_die_with_parent)
        self.pid = self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def end(self, grace_seconds: float = 5.0) -> None:
        """SIGTERM, and SIGKILL if it has not ended in time."""
        if not self.running():
            return
        children = [pid for pid in tree(self.pid) if pid != self.pid]
        self._popen.terminate()
        try:
            self._popen.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            for pid in children:
                _kill_if_alive(pid)

    def usage(self) -> Usage:
        seconds, kib = 0.0, 0
        for pid in tree(self.pid):
            try:
                seconds += _cpu_seconds(pid)
                kib += memory_kib(pid)
            except FileNotFoundError:
                continue  # a child that ended between the two looks
        return Usage(seconds, kib)

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _kill_if_alive(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def tree(pid: int) -> list[int]:
    """`pid` and its descendants."""
    pids = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                pids += tree(int(child))
    except FileNotFoundError:
        pass
    return pids


def _cpu_seconds(pid: int) -> float:
    """User + system time of all threads: in nanoseconds where the kernel tells, else in its ticks of 10 ms."""
    try:
        return sum(int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
                   for task in os.listdir(f"/proc/{pid}/task")) / 1e9
    except FileNotFoundError:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_SECOND  # proc(5), fields 14 and 15


def memory_kib(pid: int, field: str = "VmRSS") -> int:
    """What /proc says of a process under that name; 0 for one that has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)


class Processes:
    """Starts processes and ends all of them, last first, when the `with` block is left in any way."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._started: list[Process] = []

    def __enter__(self) -> Processes:
        signal.signal(signal.SIGTERM, _raise_interrupt)
        return self

    def __exit__(self, *_exception) -> None:
        for process in reversed(self._started):
            process.end()

    def start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, self._directory / f"{name}.log")
        self._started.append(process)
        return process


def _raise_interrupt(_signal, _frame):
    raise KeyboardInterrupt


def wait_until(condition, process: Process, what: str, seconds: float = 20.0):
    """Polls until `condition()` is true and returns its value; RuntimeError when `process` ends or time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if not process.running():
            raise RuntimeError(f"{process.name} ended before {what}:\n{process.log_tail()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.name}: not {what} after {seconds:.0f} s:\n{process.log_tail()}")
        time.sleep(0.02)
