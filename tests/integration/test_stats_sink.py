"""Statistics that the proxy pushes to a metrics service (envoy.stat_sinks.metrics_service)."""

import pathlib
import re

import pytest
from support.bootstrap import bootstrap, cluster, http_listener, route, typed
from support.http_client import fetch
from support.metrics_service import HISTOGRAM, SUMMARY, MetricsService, node_of
from support.proxy import Proxy
from support.upstream import Upstream, unused_port
from support.waiting import wait_until

REQUESTS = 25


def sink(port, interval="0.1s", **settings):
    """The parts of a bootstrap that push statistics to a port: its sink and its cluster."""
    config = typed("envoy.config.metrics.v3.MetricsServiceConfig", transport_api_version="V3", grpc_service={
        "envoy_grpc": {"cluster_name": "metrics"}}, **settings)
    return ({"stats_sinks": [{"name": "envoy.stat_sinks.metrics_service", "typed_config": config}],
             "stats_flush_interval": interval}, cluster("metrics", port, http2=True, connect_timeout="1s"))


def serving(upstream, port, interval="0.1s", **settings):
    more, metrics = sink(port, interval, **settings)
    return bootstrap([http_listener(route(to="up"))], [cluster("up", upstream.port), metrics], **more)


@pytest.mark.parametrize("kind", ["remora", "envoy"])
def test_counters_gauges_and_histograms_arrive(closing, kind):
    """The same configuration, both proxies, the same numbers: what a service gets from Envoy it gets from Remora."""
    service, upstream = closing(MetricsService()), closing(Upstream())
    proxy = closing(Proxy(serving(upstream, service.port, emit_tags_as_labels=True), kind=kind))
    wait_until(service.messages, "the first push")
    for _ in range(REQUESTS):
        assert fetch(proxy.port(), "/").status == 200
    labels = {"envoy__cluster_name": "up"}
    wait_until(lambda: service.latest("cluster.upstream_rq_total", **labels) == REQUESTS,
               lambda: f"{REQUESTS} requests; reported: {service.latest('cluster.upstream_rq_total', **labels)}")
    wait_until(lambda: service.samples("cluster.upstream_rq_time", **labels) == REQUESTS, "their times")
    assert service.latest("cluster.upstream_rq", envoy__response_code="200", **labels) == REQUESTS
    assert service.latest("cluster.upstream_rq_xx", envoy__response_code_class="2", **labels) == REQUESTS
    assert service.latest("cluster.membership_total", **labels) == 1
    first = service.streams[0][0]
    assert node_of(first).id == "test-node"
    assert not any(message.identifier for message in service.streams[0][1:])
    types = {family.type for message in service.messages() for family in message.families
             if family.name == "cluster.upstream_rq_time"}
    assert types == {SUMMARY, HISTOGRAM}


def test_names_without_labels_batches_and_deltas(closing):
    service, upstream = closing(MetricsService()), closing(Upstream())
    proxy = closing(Proxy(serving(upstream, service.port, batch_size=5, report_counters_as_deltas=True,
                                  histogram_emit_mode="HISTOGRAM")))
    wait_until(service.messages, "the first push")
    total = 0
    for _ in range(2):
        fetch(proxy.port(), "/")
        total += 1
        wait_until(lambda: sum(metric.counter.value for message in service.messages() for family in message.families
                               if family.name == "cluster.up.upstream_rq_200" for metric in family.metric) == total,
                   "the sum of the differences")
    assert max(len(message.families) for message in service.messages()) == 5
    assert not any(family.type == SUMMARY for message in service.messages() for family in message.families)


@pytest.mark.remora_only("it sends every series in every flush")
def test_unchanged_series_are_left_out(closing):
    service, upstream = closing(MetricsService()), closing(Upstream())
    proxy = closing(Proxy(serving(upstream, service.port)))
    fetch(proxy.port(), "/")
    wait_until(lambda: service.latest("cluster.up.upstream_rq_total") == 1, "the count")
    before = len(service.messages())
    wait_until(lambda: len(service.messages()) > before + 3, "messages without news")
    told = [family.name for message in service.messages()[before + 1:] for family in message.families]
    assert "cluster.up.upstream_rq_total" not in told


def test_the_server_comes_late_goes_and_comes_back(closing):
    """Traffic is served all the time; when the server is there again it gets what it has missed."""
    upstream, port = closing(Upstream()), unused_port()
    proxy = closing(Proxy(serving(upstream, port)))
    for round_ in (1, 2):
        assert fetch(proxy.port(), "/").status == 200
        with_server = closing(MetricsService(port))
        wait_until(lambda: with_server.latest("cluster.up.upstream_rq_total") == round_, "the count so far")
        with_server.close()
    assert proxy.log.count("the stream to the metrics service") <= 4  # not a line an attempt
    assert proxy.terminate() == 0


def test_a_server_that_takes_nothing_harms_nobody(closing):
    """It accepts connections and says nothing: the stream never opens, and the proxy serves and ends."""
    import socket
    silent = closing(socket.create_server(("127.0.0.1", 0)))
    upstream = closing(Upstream())
    proxy = closing(Proxy(serving(upstream, silent.getsockname()[1])))
    assert fetch(proxy.port(), "/").status == 200
    assert proxy.terminate() == 0


def test_a_server_that_never_reads_costs_a_bounded_amount(closing):
    """Once its windows are full nothing more is made; the proxy serves, and ends at once."""
    service, upstream = closing(MetricsService(reads=False)), closing(Upstream())
    proxy = closing(Proxy(serving(upstream, service.port, interval="0.01s")))
    wait_until(lambda: service.streams, "a stream")

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{proxy.pid}/status").read_text())[1])
    for _ in range(300):
        assert fetch(proxy.port(), "/").status == 200
    before = resident()
    for _ in range(1500):
        assert fetch(proxy.port(), "/").status == 200
    assert resident() < before + 4096
    assert proxy.terminate() == 0


def test_other_sinks_are_refused_by_path(closing):
    config = bootstrap([], [], stats_sinks=[{"name": "envoy.stat_sinks.statsd"}])
    proxy = closing(Proxy(config, kind="remora", wait_ready=False))
    assert proxy.wait() == 1
    assert "stats_sinks[0]" in proxy.log
