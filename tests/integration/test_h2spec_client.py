"""The client half of h2spec, against the proxy's upstream side: a server that misbehaves in one way a port."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, http_listener, route, typed
from support.upstream import unused_port

H2SPECD = pathlib.Path(__file__).resolve().parents[2] / "build" / "tools" / "h2specd"
CASES = 57
ATTEMPTS = 20

pytestmark = pytest.mark.skipif(not H2SPECD.exists(), reason="build/tools/h2specd is missing: ./dev test builds it")


def first_of_free_ports(count):
    """The first of so many ports in a row that nobody has."""
    for _ in range(ATTEMPTS):
        first, free = unused_port(), 0
        for port in range(first, first + count):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    free += 1
                except OSError:
                    break
        if free == count:
            return first
    raise AssertionError(f"no {count} free ports in a row")


def test_h2specd_finds_nothing_to_say(start, tmp_path):
    first = first_of_free_ports(CASES)
    http2 = {"typed_extension_protocol_options": {
        HTTP_OPTIONS: typed(HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": {}})}}
    proxy = start(bootstrap(
        [http_listener(route(to_header="x-port", timeout="1s"))],
        [cluster(str(port), port, **http2) for port in range(first, first + CASES)]))
    # h2specd runs this with the address of each case's server; the proxy is the client that goes there.
    client = tmp_path / "client"
    client.write_text(f"""#!/bin/sh
port=${{1##*:}}
exec curl --silent --max-time 3 --header "x-port: ${{port%/}}" http://127.0.0.1:{proxy.port()}/
""")
    client.chmod(0o755)
    report = subprocess.run([H2SPECD, "--exec", client, "--from-port", str(first), "--timeout", "2"],
                            capture_output=True, text=True, timeout=240, env={**os.environ, "NO_COLOR": "1"}).stdout
    summary = re.search(r"(\d+) tests?, (\d+) passed, (\d+) skipped, (\d+) failed", report)
    assert summary, report[-3000:]
    assert [int(number) for number in summary.groups()] == [CASES, CASES, 0, 0], \
        "\n".join(line for line in report.splitlines() if "closed network" not in line)[-6000:]
