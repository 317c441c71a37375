"""Eleven hosts of one cluster, one of them bad; requests at a fixed mean rate through each contender in turn."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from dataclasses import asdict, dataclass
from statistics import median

from balance import contenders
from load import peers
from load.processes import Processes, free_port, wait_until

HOSTS = 11
MEAN_US = 5_000  # of an answer of a good host
PATH = "/api/items"
WARMUP_SECONDS = 3


@dataclass(frozen=True)
class Scenario:
    """What is wrong with one of the hosts, the last one."""

    name: str
    text: str
    mean_us: int = MEAN_US
    fail_percent: int = 0


SCENARIOS = (
    Scenario("slow", "one host takes 20 times as long", mean_us=20 * MEAN_US),
    Scenario("failing", "one host fails half of its requests at once (503)", fail_percent=50),
    Scenario("even", "all hosts are alike"),
)
NAMES = tuple(scenario.name for scenario in SCENARIOS)


@dataclass
class Sample:
    """One round of one contender."""

    requests: int
    error_percent: float  # of all requests
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    late_p99_ms: float  # how late requests left: what the generator itself adds
    bad_host_percent: float  # of all requests that hosts got, what the bad one got


def run(arguments, setup: peers.Setup, say) -> dict:
    """The samples of every contender, by scenario; with `missing`, why some were not run."""
    measured, missing = {}, {}
    for scenario in SCENARIOS:
        if scenario.name in arguments.balance_scenarios:
            with Processes(setup.directory) as processes:
                measured[scenario.name] = _one(scenario, arguments, setup, processes, missing, say)
    return {"scenarios": measured, "missing": missing}


def _one(scenario: Scenario, arguments, setup: peers.Setup, processes: Processes, missing: dict, say) -> dict:
    ports = [free_port() for _ in range(HOSTS)]
    start_hosts(scenario, ports, setup, processes)
    running = []
    for contender in contenders.CONTENDERS:
        if contender.peer not in arguments.peers:
            continue
        try:
            running.append(contenders.start(contender, ports, setup, processes))
        except (peers.Missing, RuntimeError) as error:
            missing[contender.name] = str(error).splitlines()[-1]
            say(f"bench: {contender.name} NOT RUN: {error}")
    samples: dict[str, list[Sample]] = {each.contender.name: [] for each in running}
    for number in range(1, arguments.rounds + 1):
        for each in running:
            sample = load(each, ports, arguments.balance_rate, arguments.seconds, setup)
            samples[each.contender.name].append(sample)
            say(f"bench: {scenario.name}, round {number}/{arguments.rounds}  {each.contender.name:22} p50 {sample.p50_ms:6.1f} ms  "
                f"p99 {sample.p99_ms:7.1f} ms  errors {sample.error_percent:5.2f} %  bad host {sample.bad_host_percent:5.2f} %")
    return {"text": scenario.text, "contenders": {name: summary(of_one) for name, of_one in samples.items()}}


def start_hosts(scenario: Scenario, ports: list[int], setup: peers.Setup, processes: Processes) -> None:
    means = [MEAN_US] * (HOSTS - 1) + [scenario.mean_us]
    fails = [0] * (HOSTS - 1) + [scenario.fail_percent]
    program = peers.built(setup, "bench_hosts", "bench_hosts")
    process = processes.start("hosts", [program, *(f"{port},{mean},{fail}" for port, mean, fail in zip(ports, means, fails))])
    wait_until(lambda: peers.answers(ports[0]), process, "answering")


def load(running: contenders.Running, ports: list[int], rate: int, seconds: float, setup: peers.Setup) -> Sample:
    program = peers.built(setup, "bench_open_loop", "bench_open_loop")
    before = _counts(ports)
    command = [program, str(running.port), PATH, str(rate), str(WARMUP_SECONDS), str(max(1, round(seconds)))]
    output = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    got = [after - earlier for after, earlier in zip(_counts(ports), before)]
    return Sample(output["requests"], 100 * output["errors"] / output["requests"],
                  *(output[f"{name}_us"] / 1000 for name in ("p50", "p90", "p99", "p999", "late_p99")),
                  100 * got[-1] / max(1, sum(got)))


def _counts(ports: list[int]) -> list[int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/counts") as reply:
        return json.loads(reply.read())


def summary(samples: list[Sample]) -> dict:
    """The medians of the rounds with their spread, and the rounds."""
    fields = [asdict(sample) for sample in samples]
    spreads = {name: {"median": median(values), "min": min(values), "max": max(values)}
               for name in fields[0] if (values := [sample[name] for sample in fields])}
    return {**spreads, "rounds": fields}
