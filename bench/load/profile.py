"""Instructions per request by callgrind: a figure that neither the load nor the frequency of the machine moves.

The proxy runs under valgrind with counting off; after a warm-up it is switched on for a known number of requests,
sent one after the other. It counts user-space instructions only: what the kernel spends is not in it.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

from load import idle_memory, peers
from load.processes import Processes

_WARM_UP = 500
_FUNCTIONS_SHOWN = 30


def instructions(name: str, setup: peers.Setup, processes: Processes, requests: int) -> str:
    """Starts `name` under callgrind; a report of instructions per request and of the dearest functions."""
    for program in ("valgrind", "callgrind_control", "callgrind_annotate"):
        if shutil.which(program) is None:
            raise peers.Missing(f"{program} is not installed (Debian package valgrind)")
    output = setup.directory / "callgrind.out"
    proxy = peers.start(name, setup, processes, [
        "valgrind", "--tool=callgrind", "--instr-atstart=no", "--trace-children=no", f"--callgrind-out-file={output}"])
    with idle_memory.connect(proxy.port) as connection:
        _exchange(connection, _WARM_UP)
        _control(proxy.process.pid, "--instr=on")
        _exchange(connection, requests)
        _control(proxy.process.pid, "--instr=off")
        _control(proxy.process.pid, "--dump=bench")
    proxy.process.end(grace_seconds=20)
    return _annotate(name, output, requests)


def _exchange(connection: socket.socket, requests: int) -> None:
    for _ in range(requests):
        idle_memory.exchange(connection)


def _control(pid: int, action: str) -> None:
    subprocess.run(["callgrind_control", action, str(pid)], check=True, stdout=subprocess.DEVNULL)


def _annotate(name: str, output: Path, requests: int) -> str:
    dumps = sorted(output.parent.glob(output.name + ".*")) or [output]
    text = subprocess.run(["callgrind_annotate", "--auto=no", str(dumps[0])], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=True).stdout
    found = re.search(r"^([\d,]+) .*PROGRAM TOTALS", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"callgrind_annotate printed no total:\n{text}")
    total = int(found.group(1).replace(",", ""))
    lines = text[found.end():].splitlines()
    functions = [line for line in lines if re.match(r"\s*[\d,]+ \(", line)][:_FUNCTIONS_SHOWN]
    return "\n".join([f"{name}: {total / requests:,.0f} user-space instructions per request ({requests} requests)", "",
                      *functions])
