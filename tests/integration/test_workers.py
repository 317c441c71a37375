"""Several workers: the same behaviour, one set of statistics, one configuration at a time."""

import collections
import contextlib
import threading

import pytest

from support.ads import CLUSTERS, ENDPOINTS, ROUTES, AdsServer
from support.bootstrap import (assignment, bootstrap, cluster, http, http_listener, listener, over_ads, route, routing,
                               virtual_host)
from support.load import Load
from support.stats import assert_split
from support.upstream import Upstream, reply
from support.waiting import wait_until

WORKERS = 4


@pytest.fixture
def hosts(closing):
    return {name: closing(Upstream(name)) for name in "ab"}


def ask_on_many_connections(proxy, connections, requests):
    """The answers of this many parallel connections, each with this many requests."""
    answers, failures = [], []

    def run():
        try:
            with proxy.connect() as client:
                for _ in range(requests):
                    answers.append(client.request().text)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    return collections.Counter(answers)


def test_every_worker_serves_and_statistics_are_their_sum(start, hosts):
    proxy = start(bootstrap([http_listener(route(split={"a": 75, "b": 25}))],
                            [cluster(name, host.port) for name, host in hosts.items()]), concurrency=WORKERS)
    assert_split(ask_on_many_connections(proxy, 40, 30), {"a": 75, "b": 25})
    assert proxy.wait_stat("http.in.downstream_rq_2xx", 1200) == 1200
    assert sum(proxy.stats("^cluster[.][ab][.]upstream_rq_total$").values()) == 1200
    assert proxy.wait_stat("http.in.downstream_cx_total", 40) == 40
    wait_until(lambda: proxy.stat("http.in.downstream_cx_active") == 0, "all connections closed")
    shares = proxy.stats(r"listener[.].*worker_\d+[.]downstream_cx_total")
    assert len(shares) == WORKERS and sum(shares.values()) == 40
    assert sum(1 for share in shares.values() if share) >= 2, shares


def test_an_exact_balance_gives_every_worker_as_many_connections(start, hosts):
    exact = bootstrap([{**http_listener(route(to="a")), "connection_balance_config": {"exact_balance": {}}}], [cluster("a", hosts["a"].port)])
    proxy = start(exact, concurrency=WORKERS)
    with contextlib.ExitStack() as clients:
        for number in range(1, 4 * WORKERS + 1):
            client = clients.enter_context(proxy.connect())
            assert client.request().text == "a"
            counts = proxy.stats(r"listener[.].*worker_\d+[.]downstream_cx_active")
            assert len(counts) == WORKERS and sum(counts.values()) == number
            assert max(counts.values()) - min(counts.values()) <= 1, counts


def test_circuit_breaker_counts_all_workers_together(start, closing):
    release = threading.Event()
    upstream = closing(Upstream(answer=lambda _: (release.wait(20), reply(200))[1]))
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", upstream.port, circuit_breakers={
        "thresholds": [{"max_requests": 5}]})]), concurrency=WORKERS)
    clients = [closing(proxy.connect()) for _ in range(40)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    wait_until(lambda: proxy.stat("cluster.up.upstream_rq_5xx") + proxy.stat("cluster.up.upstream_rq_active") >= 40,
               "every request under way or refused")
    release.set()
    statuses = collections.Counter(client.response().status for client in clients)
    # Workers look at the shared count without waiting for each other, so a few more may slip through.
    assert 5 <= statuses[200] <= 5 + WORKERS and statuses[200] + statuses[503] == 40, statuses


def test_ejection_is_seen_by_all_workers(start, closing):
    bad, good = closing(Upstream("bad", lambda _: reply(500, {}, "bad"))), closing(Upstream("good"))
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", bad.port, good.port, outlier_detection={
        "consecutive_5xx": 5, "interval": "0.2s", "base_ejection_time": "60s", "max_ejection_percent": 50})]),
        concurrency=WORKERS)
    ask_on_many_connections(proxy, 20, 10)
    assert proxy.wait_stat("cluster.up.outlier_detection.ejections_active") == 1
    wait_until(lambda: ask_on_many_connections(proxy, 20, 5) == {"good": 100}, "no worker asks the ejected host")


def test_updates_reach_all_workers_and_lose_nothing(start, closing, hosts):
    ads = closing(AdsServer())

    def split(a, b):
        return routing(virtual_host(route(split={"a": a, "b": b})))

    front = listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}, stat_prefix="in"))
    ads.serve_all([cluster(name, eds=over_ads()) for name in hosts],
                  [assignment(name, host.port) for name, host in hosts.items()], [front], [split(100, 0)])
    proxy = start(bootstrap(ads=ads.port), concurrency=WORKERS)
    with Load(proxy.port(), connections=12) as load:
        for round_number in range(15):
            ads.set(ROUTES, [split(100 - round_number, round_number)])
            ads.wait_ack(ROUTES)
            ads.set(ENDPOINTS, [assignment("a", hosts["a"].port), assignment(
                "b", *[host.port for host in hosts.values()][round_number % 2:])])
            ads.wait_ack(ENDPOINTS)
            ads.set(CLUSTERS, [cluster(name, eds=over_ads(), connect_timeout=f"{round_number + 1}s") for name in hosts])
            ads.wait_ack(CLUSTERS)
        ads.set(ENDPOINTS, [assignment(name, host.port) for name, host in hosts.items()])
        ads.set(ROUTES, [split(0, 100)])
        ads.wait_ack(ROUTES)
        load.wait_for("b", 200)
        assert set(load.answers[-100:]) == {"b"}
    load.assert_nothing_lost()


def test_scrapes_do_not_disturb_traffic(start, hosts):
    proxy = start(bootstrap([http_listener(route(to="a"))], [cluster("a", hosts["a"].port)]), concurrency=2)
    over, scrapes = threading.Event(), []

    def scrape(target):
        while not over.is_set():
            scrapes.append(proxy.admin(target).status)

    threads = [threading.Thread(target=scrape, args=(target,)) for target in (
        "/stats", "/stats/prometheus", "/config_dump", "/clusters", "/stats?format=json")]
    for thread in threads:
        thread.start()
    try:
        with Load(proxy.port()) as load:
            load.wait_for("a", 500)
            wait_until(lambda: len(scrapes) > 50, "the scrapes")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    load.assert_nothing_lost()
    assert set(scrapes) == {200}
