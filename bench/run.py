#!/usr/bin/env python3
"""The benchmark: remora and its peers side by side, in one run, on one machine.

    bench/run.py [--quick]            CPU per request, requests/s, latency, memory of every proxy -> bench/results/
    bench/run.py protocols            CPU per request over HTTP/2, TLS, and mutual TLS between two sidecars
    bench/run.py balance              latency and errors with one bad host among eleven, policy by policy
    bench/run.py idle                 memory per idle keep-alive connection of every proxy
    bench/run.py scale                what the size of a configuration costs, Envoy and Remora side by side
    bench/run.py mesh                 remora-control over a Kubernetes API server, with simulated sidecars
    bench/run.py large-table          a route table of 100 MB, changed under traffic: turns, memory, lost requests
    bench/run.py updates              one changed resource among 10,000, and the start with them
    bench/run.py profile remora       instructions per request, and the functions that spend them
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from load import (certificates, fairness, generator, idle_memory, peers, profile, protocol_report,  # noqa: E402
                  protocols, report, results)  # noqa: E402
from load.processes import Processes, free_port  # noqa: E402
from balance import report as balance_report, scenarios as balance_scenarios  # noqa: E402
from mesh import scale  # noqa: E402
from updates import one_of_many  # noqa: E402
from scale import NAMES as MEASUREMENTS, large_table, report as scale_report, updates as scale_updates  # noqa: E402

RESULTS = peers.ROOT / "bench" / "results"
PACED_SHARE = 0.3  # of what the slowest peer reached at full speed: below everybody's knee
PACED_CONNECTIONS = 16


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start_all(names: list[str], setup: peers.Setup, processes: Processes) -> tuple[dict, dict]:
    """Starts every proxy that is there and does the whole work; returns those, and why the others are not run."""
    running, missing = {}, {}
    for name in names:
        try:
            proxy = peers.start(name, setup, processes)
            if faults := fairness.faults(proxy):
                raise RuntimeError("does less than the others: " + "; ".join(faults))
            running[name] = proxy
            say(f"bench: {name} ready on port {proxy.port}, {proxy.version}")
        except (peers.Missing, RuntimeError) as error:
            missing[name] = str(error).splitlines()[-1]
            say(f"bench: {name} NOT RUN: {error}")
    return running, missing


def measure(running: dict, arguments, directory: Path) -> dict[str, report.Measured]:
    """Rounds at full speed, then rounds at a rate that even the slowest peer takes easily."""
    measured = {name: report.Measured(proxy.version, proxy.process.usage().rss_kib)
                for name, proxy in running.items()}

    def saturate(proxy):
        return generator.saturate(proxy, arguments.connections, arguments.seconds)

    def pace(proxy):
        return generator.pace(proxy, PACED_CONNECTIONS, arguments.seconds, arguments.rate, directory / "h2load.log")

    for name, sample in rounds("full speed", running, saturate, arguments.rounds):
        measured[name].samples.append(sample)
    slowest = min(max(sample.requests_per_second for sample in each.samples) for each in measured.values())
    arguments.rate = arguments.rate or round(slowest * PACED_SHARE, -2)
    for name, sample in rounds(f"{arguments.rate:,.0f}/s", running, pace, arguments.rounds):
        measured[name].paced.append(sample)
    return measured


def rounds(what: str, running: dict, load, count: int):
    """Every proxy once per round, so that whatever changes on the machine meanwhile hits all alike."""
    for number in range(1, count + 1):
        for name, proxy in running.items():
            sample = load(proxy)
            say(f"bench: {what}, round {number}/{count}  {name:8} {sample.requests_per_second:9,.0f} req/s  "
                f"{sample.cpu_us_per_request:6.1f} us CPU/request  p99 {sample.p99_us:7,.0f} us  "
                f"errors {sample.errors}")
            yield name, sample


def check_counts(running: dict, measured: dict) -> None:
    """The proxy's own statistics must agree with what the client completed: nobody skipped the work."""
    for name, proxy in running.items():
        counted = proxy.counter("cluster.backend.upstream_rq_total")
        measured[name].counted = counted
        completed = sum(sample.requests for sample in measured[name].samples + measured[name].paced)
        if counted is not None and counted < completed:
            raise RuntimeError(f"{name} counts {counted} requests to the backend, the client completed {completed}")


def http1(arguments, setup: peers.Setup, processes: Processes) -> int:
    generator.check()
    load_before = os.getloadavg()[0]
    if load_before > 1:
        say(f"bench: the machine is busy (load average {load_before:.1f}): expect a wide spread")
    with fairness.EchoBackend(setup.backend_port):
        running, missing = start_all(arguments.peers, setup, processes)
    peers.start_backend(setup, processes, arguments.backend, arguments.body_bytes)
    if not running:
        raise peers.Missing("none of the proxies can be run")
    measured = measure(running, arguments, setup.directory)
    check_counts(running, measured)
    keys = ("connections", "rounds", "seconds", "body_bytes", "backend", "rate")
    settings = {key: getattr(arguments, key) for key in keys}
    settings.update(paced_connections=PACED_CONNECTIONS, load_before=load_before)
    data = report.summary(measured, missing, settings)
    print(report.markdown(data))
    for path in report.write(data, arguments.results, "http1"):
        say(f"bench: wrote {path}")
    return 1 if missing else 0


def protocol_scenarios(arguments, setup: peers.Setup, processes: Processes) -> int:
    generator.check()
    load_before = os.getloadavg()[0]
    files = certificates.make(setup.directory)
    measured, missing = {}, {}
    for scenario in protocols.SCENARIOS:
        if scenario.name in arguments.scenarios:
            measured[scenario] = one_scenario(scenario, arguments, setup, files, missing)
    keys = ("connections", "h2_connections", "streams", "rounds", "seconds", "body_bytes")
    settings = {**{key: getattr(arguments, key) for key in keys}, "load_before": load_before}
    data = protocol_report.summary(measured, missing, settings)
    print(protocol_report.markdown(data))
    for path in protocol_report.write(data, arguments.results, "protocols"):
        say(f"bench: wrote {path}")
    return 1 if missing else 0


def one_scenario(scenario, arguments, setup: peers.Setup, files, missing: dict) -> dict[str, protocols.Result]:
    """The peers of one scenario, round by round; their processes end with it."""
    h2 = scenario.client == "h2"
    connections = arguments.h2_connections if h2 else arguments.connections
    results: dict[str, protocols.Result] = {}
    with Processes(setup.directory) as processes:
        chains = {}
        with fairness.EchoBackend(setup.backend_port):
            for name in (name for name in scenario.peers if name in arguments.peers):
                try:
                    chains[name] = protocols.start_chain(name, scenario, setup, files, processes)
                    results[name] = protocols.Result(chains[name].front.version)
                except (peers.Missing, RuntimeError) as error:
                    missing[f"{scenario.name} {name}"] = str(error).splitlines()[-1]
                    say(f"bench: {scenario.name}: {name} NOT RUN: {error}")
        peers.start_backend(setup, processes, arguments.backend, arguments.body_bytes)
        for chain in chains.values():
            protocols.load(chain, connections, arguments.streams, 1)
        for number in range(1, arguments.rounds + 1):
            for name, chain in chains.items():
                sample, results[name].cipher = protocols.load(chain, connections, arguments.streams, arguments.seconds)
                results[name].rounds.append(sample)
                parts = " + ".join(f"{cpu:.1f}" for cpu in sample.cpu_us)
                say(f"bench: {scenario.name}, round {number}/{arguments.rounds}  {name:8} "
                    f"{sample.requests_per_second:9,.0f} req/s  {parts} us CPU/request  errors {sample.errors}")
        for name, chain in chains.items():
            protocols.check_counts(chain, results[name])
    return results


def idle(arguments, setup: peers.Setup, processes: Processes) -> int:
    with fairness.EchoBackend(setup.backend_port):
        running, missing = start_all(arguments.peers, setup, processes)
    peers.start_backend(setup, processes, arguments.backend, arguments.body_bytes)
    print(idle_memory.table(running, arguments.idle_connections))
    return 1 if missing else 0


def size(arguments, setup: peers.Setup, processes: Processes) -> int:
    data = scale_report.run(arguments.only, arguments, setup, say, os.getloadavg()[0])
    print(scale_report.markdown(data))
    for path in scale_report.write(data, arguments.results):
        say(f"bench: wrote {path}")
    return 1 if any(data[name].get("missing") for name in arguments.only) else 0


def mesh(arguments, setup: peers.Setup, processes: Processes) -> int:
    load_before = os.getloadavg()[0]
    data = scale.summary(scale.run(arguments, setup, processes, say), arguments, load_before)
    print(scale.markdown(data))
    for path in scale.write(data, arguments.results):
        say(f"bench: wrote {path}")
    return 1 if data["churn"]["missing"] else 0


def updates(arguments, setup: peers.Setup, processes: Processes) -> int:
    data = {**results.circumstances(os.getloadavg()[0]), **scale_updates.run(arguments, setup, processes, say)}
    print(one_of_many.markdown(data))
    for path in one_of_many.write(data, arguments.results):
        say(f"bench: wrote {path}")
    return 1 if data["missing"] else 0


def large(arguments, setup: peers.Setup, _processes: Processes) -> int:
    data = large_table.run(arguments, setup, say)
    print(large_table.markdown(data))
    for path in large_table.write(data, arguments.results):
        say(f"bench: wrote {path}")
    return 1 if any(row["lost"] for rows in data["variants"].values() for row in rows.values()) else 0


def balance(arguments, setup: peers.Setup, _processes: Processes) -> int:
    load_before = os.getloadavg()[0]
    if load_before > 1:
        say(f"bench: the machine is busy (load average {load_before:.1f}): these latencies are no result")
    measured = balance_scenarios.run(arguments, setup, say)
    settings = {"rate": arguments.balance_rate, "rounds": arguments.rounds, "seconds": arguments.seconds}
    data = balance_report.summary(measured, settings, load_before)
    print(balance_report.markdown(data))
    for path in balance_report.write(data, arguments.results):
        say(f"bench: wrote {path}")
    return 1 if measured["missing"] else 0


def profile_one(arguments, setup: peers.Setup, processes: Processes) -> int:
    peers.start_backend(setup, processes, arguments.backend, arguments.body_bytes)
    print(profile.instructions(arguments.proxy, setup, processes, arguments.requests))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(peers.NAMES),
                        help=f"comma-separated, of {','.join(peers.NAMES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measured round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--scenarios", type=lambda text: text.split(","), default=list(protocols.NAMES),
                        help=f"of `protocols`: comma-separated, of {','.join(protocols.NAMES)}")
    parser.add_argument("--h2-connections", type=int, default=8, help="of `protocols` over HTTP/2")
    parser.add_argument("--streams", type=int, default=8, help="at once on each of these")
    parser.add_argument("--rate", type=float,
                        help="requests/s of the rounds at a fixed rate (default: 30 %% of the slowest proxy's)")
    parser.add_argument("--balance-rate", type=int, default=1000, help="of `balance`: requests/s")
    parser.add_argument("--balance-scenarios", type=lambda text: text.split(","), default=list(balance_scenarios.NAMES),
                        help=f"of `balance`: comma-separated, of {','.join(balance_scenarios.NAMES)}")
    parser.add_argument("--body-bytes", type=int, default=512, help="size of the backend's answer")
    parser.add_argument("--backend", choices=("epoll", "nginx"), default="epoll")
    parser.add_argument("--services", type=int, default=2000, help="of `mesh`")
    parser.add_argument("--endpoints", type=int, default=10, help="of `mesh`: of each service")
    parser.add_argument("--sidecars", type=int, default=200, help="of `mesh`")
    parser.add_argument("--churn", type=int, default=100, help="of `mesh`: endpoint changes per second")
    parser.add_argument("--xds", choices=("delta", "state"), default="delta", help="of `mesh`: which protocol the sidecars speak")
    parser.add_argument("--clusters", type=int, default=10000, help="of `updates`")
    parser.add_argument("--mib", type=int, default=100, help="of `large-table`")
    parser.add_argument("--vhds", action="store_true", help="of `updates`: virtual hosts come on their own, not in their table")
    parser.add_argument("--no-pods", dest="pods", action="store_false", help="of `mesh`: endpoints without pods behind them")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(MEASUREMENTS),
                        help=f"of `scale`: comma-separated, of {','.join(MEASUREMENTS)}")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s: a look, not a result")
    parser.add_argument("--build", type=Path, default=peers.ROOT / "build" / "release", help="where the binaries are")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("command", nargs="?", choices=("http1", "protocols", "balance", "idle", "mesh", "updates", "scale", "large-table", "profile"),
                        default="http1")
    parser.add_argument("proxy", nargs="?", choices=peers.NAMES, default="remora", help="what to profile")
    parser.add_argument("--idle-connections", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=2000, help="how many to profile")
    arguments = parser.parse_intermixed_args()
    unknown = [name for name in arguments.peers if name not in peers.NAMES]
    if unknown:
        parser.error(f"unknown peers: {', '.join(unknown)} (known: {', '.join(peers.NAMES)})")
    unknown = [name for name in arguments.scenarios if name not in protocols.NAMES]
    if unknown:
        parser.error(f"unknown scenarios: {', '.join(unknown)} (known: {', '.join(protocols.NAMES)})")
    unknown = [name for name in arguments.balance_scenarios if name not in balance_scenarios.NAMES]
    if unknown:
        parser.error(f"unknown scenarios: {', '.join(unknown)} (known: {', '.join(balance_scenarios.NAMES)})")
    unknown = [name for name in arguments.only if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"unknown measurements: {', '.join(unknown)} (known: {', '.join(MEASUREMENTS)})")
    if arguments.quick:
        arguments.rounds, arguments.seconds = 2, 2.0
    return arguments


def main() -> int:
    arguments = parse()
    action = {"http1": http1, "protocols": protocol_scenarios, "balance": balance, "idle": idle, "mesh": mesh, "updates": updates, "scale": size, "large-table": large,
              "profile": profile_one}[arguments.command]
    with tempfile.TemporaryDirectory(prefix="remora-bench-") as directory:
        os.chmod(directory, 0o755)
        setup = peers.Setup(arguments.build.resolve(), Path(directory), free_port())
        try:
            with Processes(Path(directory)) as processes:
                return action(arguments, setup, processes)
        except (peers.Missing, RuntimeError) as error:
            say(f"bench: {error}")
            return 2
        except KeyboardInterrupt:
            say("bench: interrupted; every process it started has been ended")
            return 130


if __name__ == "__main__":
    sys.exit(main())
