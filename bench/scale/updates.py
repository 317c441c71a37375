"""One changed resource among many, and the start with them: the measurement of `bench/run.py updates`, in this table."""

from __future__ import annotations

from load import peers
from updates import one_of_many

TITLE = "One change among many clusters, and the start with them"
PEERS = ("remora", "envoy")


def run(arguments, setup: peers.Setup, _processes, say) -> dict:
    data = {"clusters": arguments.clusters, "proxies": {}, "missing": {}}
    for name in (name for name in PEERS if name in arguments.peers):
        try:
            data["proxies"][name] = one_of_many.run(name, peers.program(name, setup), arguments, setup.directory, say)
        except (peers.Missing, RuntimeError) as error:
            data["missing"][name] = str(error).splitlines()[-1]
            say(f"bench: updates: {name} NOT RUN: {error}")
    return data


def rows(data: dict) -> list[str]:
    return one_of_many.markdown(data).splitlines() + [f"\nNot run: {name}: {why}" for name, why in data["missing"].items()]
