"""Aggregate clusters, beside a real Envoy: the priorities of several clusters as one list."""

import json

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route, typed
from support.upstream import Upstream, reply
from support.waiting import wait_until

AGGREGATE = "envoy.extensions.clusters.aggregate.v3.ClusterConfig"


def aggregate(*members, name="all", **more):
    return {"name": name, "connect_timeout": "2s", "lb_policy": "CLUSTER_PROVIDED",
            "cluster_type": {"name": "envoy.clusters.aggregate", "typed_config": typed(AGGREGATE, clusters=list(members))}, **more}


def checked(name, *endpoints):
    """A cluster whose hosts are asked by HTTP, often."""
    return cluster(name, *endpoints, health_checks=[{
        "timeout": "1s", "interval": "0.05s", "no_traffic_interval": "0.05s", "unhealthy_threshold": 1, "healthy_threshold": 1,
        "http_health_check": {"path": "/health"}}])


class Server(Upstream):
    """Answers its name, and health checks as `healthy` says."""

    def __init__(self, name):
        self.healthy = True
        super().__init__(name, self.answer)
        self.name = name

    def answer(self, request):
        return reply(200 if self.healthy or request.target != "/health" else 503, {}, self.name)


@pytest.fixture(name="serve", params=["remora", "envoy"])
def fixture_serve(request, start):
    return lambda *clusters, **action: start(
        bootstrap([http_listener(route(to="all", **action))], list(clusters)), kind=request.param)


@pytest.fixture(name="servers")
def fixture_servers(closing):
    return [closing(Server(name)) for name in ("a", "b", "c")]


def answers(proxy, count=40):
    return {proxy.fetch().text for _ in range(count)}


def wait_answers(proxy, *expected):
    wait_until(lambda: answers(proxy) == set(expected), lambda: f"{expected}, not {answers(proxy)}")


def test_the_first_member_that_is_healthy_answers(serve, servers):
    a, b, _ = servers
    proxy = serve(checked("first", a.port), checked("second", b.port), aggregate("missing", "first", "second"))
    wait_answers(proxy, "a")
    a.healthy = False
    wait_answers(proxy, "b")
    a.healthy = True
    wait_answers(proxy, "a")


def test_requests_count_where_they_go(serve, servers):
    a, b, _ = servers
    proxy = serve(cluster("first", a.port), cluster("second", b.port), aggregate("first", "second"))
    assert answers(proxy, 10) == {"a"}
    names = ("upstream_rq_total", "upstream_cx_total", "upstream_rq_200", "upstream_rq_completed", "membership_total")
    counts = {name: [proxy.stats(f"^cluster.{each}.{name}$").get(f"cluster.{each}.{name}", 0) > 0 for each in ("all", "first")]
              for name in names}
    assert counts == {"upstream_rq_total": [False, True], "upstream_cx_total": [False, True], "upstream_rq_200": [True, False],
                      "upstream_rq_completed": [True, False], "membership_total": [False, True]}
    found = {each["name"]: each.get("host_statuses", []) for each in proxy.admin_json("/clusters?format=json")["cluster_statuses"]}
    assert found["all"] == [] and len(found["first"]) == 1


def test_another_attempt_goes_to_another_priority(serve, closing, servers):
    failing = closing(Upstream("failing", lambda request: reply(503, {}, "failing")))
    previous = {"name": "envoy.retry_priorities.previous_priorities", "typed_config": typed(
        "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", update_frequency=1)}
    proxy = serve(cluster("first", failing.port), cluster("second", servers[1].port), aggregate("first", "second"),
                  retry_policy={"retry_on": "5xx", "num_retries": 1, "retry_priority": previous})
    response = proxy.fetch()
    assert (response.status, response.text) == (200, "b")


def test_without_a_host_there_is_no_answer(serve):
    proxy = serve(cluster("first"), aggregate("first", "missing"))
    response = proxy.fetch()
    assert (response.status, response.text) == (503, "no healthy upstream")
    assert proxy.stat("cluster.all.upstream_cx_none_healthy") == 1


def test_explained(start, servers):
    a, b, _ = servers
    sick = endpoint(b.port, health_status="UNHEALTHY")
    proxy = start(bootstrap([http_listener(route(to="all"))], [
        cluster("first", endpoint(a.port), sick), cluster("second", b.port), aggregate("first", "second", "missing")]), kind="remora")
    answer = proxy.admin("/explain", method="POST", body='{"authority": "x", "path": "/"}')
    found = json.loads(answer.body)["cluster"]
    shares = {each["name"]: (each["exists"], each["share_percent"]) for each in found["members"]}
    assert shares == {"first": (True, 70), "second": (True, 30), "missing": (False, 0)}
