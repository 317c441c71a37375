"""What is configured is done or refused by name: validation, unknown and unimplemented fields, flags, exit codes."""

import json
import os
import re
import subprocess

import pytest
import yaml

from support.bootstrap import TYPE, bootstrap, cluster, endpoint, http, http_listener, listener, route, typed
from support.certificates import downstream_tls, upstream_tls
from support.proxy import binary
from support.upstream import Upstream
from support.waiting import wait_until


@pytest.fixture
def run(tmp_path):
    """Runs the proxy to its end with these arguments; `config` is written to config.yaml first."""

    def begin(*arguments, config=None, mode="validate"):
        if config is not None:
            text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
            (tmp_path / "config.yaml").write_text(text)
            arguments = ("-c", "config.yaml", *arguments)
        if mode:
            arguments = (*arguments, "--mode", mode)
        done = subprocess.run([str(binary()), *arguments], cwd=tmp_path, timeout=60, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    return begin


SECOND_LINE = "line 2|:2:"
GOOD = bootstrap([http_listener(route(to="up"))], [cluster("up", 1)])


class TestValidation:
    def test_good_file(self, run):
        assert run(config=GOOD)[0] == 0
        assert "configuration 'config.yaml' OK" in run(config=GOOD)[1]

    def test_json_file(self, run, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps(GOOD))
        assert run("-c", "config.json")[0] == 0

    def test_validation_binds_nothing_and_writes_nothing(self, run, closing):
        taken = closing(Upstream())
        assert run(config=bootstrap([http_listener(route(to="up"), name="in")], [cluster("up", 1)])
                   | {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": taken.port}}}})[0] == 0

    @pytest.mark.parametrize("text, words", [
        ("a: [1,\nb: }\n", [SECOND_LINE]),
        ("static_resources:\n  clusters:\n  - name: a\n    connect_timeout: [1]\n", ["clusters", "connect_timeout"]),
        ("static_resources: 5\n", ["static_resources"]),
        ("- a list\n", []), ("just text\n", []), ("admin: &a\n  x: *b\n", []),
        ("static_resources:\n\tclusters: []\n", [SECOND_LINE]),
        ("{\"static_resources\": {\"clusters\": [}}", []),
    ])
    def test_file_that_cannot_be_read_as_a_bootstrap(self, run, text, words):
        code, output = run(config=text)
        assert code == 1 and "config.yaml" in output
        for word in words:
            assert re.search(word, output), output

    def test_missing_file(self, run):
        code, output = run("-c", "missing.yaml")
        assert code == 1 and "missing.yaml" in output

    def test_init_only_ends_by_itself(self, run):
        assert run(config=GOOD, mode="init_only")[0] == 0


class TestUnknownFields:
    @pytest.mark.parametrize("change, path", [
        (lambda config: config.update(no_such_field=1), "no_such_field"),
        (lambda config: config["static_resources"]["clusters"][0].update(conect_timeout="1s"), "conect_timeout"),
        (lambda config: config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"].update(
            stat_prefixx="x"), "stat_prefixx"),
        (lambda config: config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"][
            "route_config"]["virtual_hosts"][0]["routes"][0]["match"].update(prefx="/"), "prefx")])
    def test_static_field_that_does_not_exist_is_an_error(self, run, change, path):
        config = copy_of(GOOD)
        change(config)
        code, output = run(config=config)
        assert code == 1 and path in output
        assert run("--allow-unknown-static-fields", config=config)[0] == 0

    def test_path_of_the_field_is_told(self, run):
        config = copy_of(GOOD)
        config["static_resources"]["clusters"][0]["conect_timeout"] = "1s"
        assert "static_resources.clusters[0]" in run(config=config)[1]


def copy_of(config):
    return json.loads(json.dumps(config))


def chain(config):
    return config["static_resources"]["listeners"][0]["filter_chains"][0]


def manager(config):
    return chain(config)["filters"][0]["typed_config"]


def first_route(config):
    return manager(config)["route_config"]["virtual_hosts"][0]["routes"][0]


def set_transport_socket(config):
    chain(config)["transport_socket"] = downstream_tls(key_log={
        "path": "/dev/null", "remote_address_range": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]})


LISTENER = "static_resources.listeners[0]"
MANAGER = LISTENER + ".filter_chains[0].filters[0].typed_config"
ROUTE = MANAGER + ".route_config.virtual_hosts[0].routes[0]"
CLUSTER = "static_resources.clusters[0]"


def change(path, function):
    return pytest.param(function, path, id=path)


@pytest.mark.remora_only("it implements these fields")
class TestUnimplementedFields:
    """Each is real Envoy configuration that this build does not do: named by its full path, never ignored."""

    @pytest.mark.parametrize("function, path", [
        change(CLUSTER + ".lb_policy", lambda config: config["static_resources"]["clusters"][0].update(lb_policy="LOAD_BALANCING_POLICY_CONFIG")),
        change(CLUSTER + ".cluster_type", lambda config: config["static_resources"]["clusters"].__setitem__(0, {
            "name": "many", "cluster_type": {"name": "many", "typed_config": typed(
                "envoy.extensions.clusters.redis.v3.RedisClusterConfig")}})),
        change(CLUSTER + ".cluster_type.typed_config.sub_clusters_config",
               lambda config: config["static_resources"]["clusters"].__setitem__(0, {
                   "name": "any", "lb_policy": "CLUSTER_PROVIDED", "cluster_type": {"name": "any", "typed_config": typed(
                       "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", sub_clusters_config={})}})),
        change(CLUSTER + ".health_checks[0].custom_health_check", lambda config: config["static_resources"]["clusters"][0].update(health_checks=[{
            "timeout": "1s", "interval": "1s", "unhealthy_threshold": 1, "healthy_threshold": 1,
            "custom_health_check": {"name": "envoy.health_checkers.redis"}}])),
        change(CLUSTER + ".transport_socket.typed_config.common_tls_context.tls_params.compliance_policies",
               lambda config: config["static_resources"]["clusters"][0].update(
                   transport_socket=upstream_tls(tls_params={"compliance_policies": ["FIPS_202205"]}))),
        change(LISTENER + ".filter_chains[0].transport_socket.typed_config.common_tls_context.key_log"
               ".remote_address_range", set_transport_socket),
        change(LISTENER + ".listener_filters[0].typed_config.stat_prefix",
               lambda config: config["static_resources"]["listeners"][0].update(listener_filters=[{
                   "name": "p", "typed_config": typed(
                       "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol", stat_prefix="x")}])),
        change(LISTENER + ".filter_chains[0].filters[0].typed_config.tunneling_config",
               lambda config: chain(config).update(filters=[{"name": "tcp", "typed_config": typed(
                   "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", stat_prefix="tcp", cluster="up",
                   tunneling_config={"hostname": "a:1"})}])),
        change(MANAGER + ".http_filters[0]", lambda config: manager(config)["http_filters"].insert(0, {
            "name": "lua", "typed_config": typed("envoy.extensions.filters.http.lua.v3.Lua",
                                                 default_source_code={"inline_string": "x = 1"})})),
        change(ROUTE + ".route.flush_timeout", lambda config: first_route(config)["route"].update(
            flush_timeout="1s")),
    ])
    def test_field_is_refused_by_its_path(self, run, start, function, path):
        config = copy_of(GOOD)
        function(config)
        code, output = run(config=config)
        assert code == 1 and path in output, output
        assert start(config, wait_ready=False).wait() == 1, "serving must refuse it as validation does"

    def test_all_of_them_are_listed_at_once(self, run):
        config = copy_of(GOOD)
        config["static_resources"]["clusters"][0]["lb_policy"] = "CLUSTER_PROVIDED"
        first_route(config)["route"]["flush_timeout"] = "1s"
        code, output = run(config=config)
        assert code == 1 and CLUSTER + ".lb_policy" in output and ROUTE + ".route.flush_timeout" in output

    @pytest.mark.parametrize("function, path", [
        change(ROUTE + ".route.rate_limits", lambda config: first_route(config)["route"].update(
            rate_limits=[{"actions": [{"remote_address": {}}]}])),
        change(ROUTE + ".decorator", lambda config: first_route(config).update(decorator={"operation": "mine"})),
        change(MANAGER + ".tracing", lambda config: manager(config).update(tracing={"provider": {
            "name": "envoy.tracers.zipkin", "typed_config": typed(
                "envoy.config.trace.v3.ZipkinConfig", collector_cluster="up", collector_endpoint="/")}})),
    ])
    def test_what_has_no_effect_anywhere_is_said_or_refused(self, run, function, path):
        """Nothing limits and nothing is traced: requests fare the same either way."""
        config = copy_of(GOOD)
        function(config)
        assert path in run(config=config)[1]

    def test_optional_filter_that_is_missing_is_skipped_and_said(self, run):
        config = copy_of(GOOD)
        manager(config)["http_filters"].insert(0, {"name": "lua", "is_optional": True, "typed_config": typed(
            "envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": "x = 1"})})
        code, output = run(config=config)
        assert code == 0 and MANAGER + ".http_filters[0]" in output, output


class TestInvalidConfiguration:
    """Semantics, not syntax: what Envoy refuses is refused here too."""

    @pytest.mark.parametrize("config, word", [
        (bootstrap([http_listener(route(to="nowhere"))]), "nowhere"),
        (bootstrap([http_listener(route(regex="a(b", respond=(200, "")))]), "a[(]b"),
        (bootstrap([], [cluster("a", 1), cluster("a", 2)]), "a"),
        (bootstrap([http_listener(route(split={"up": 0}))], [cluster("up", 1)]), "weight"),
        (bootstrap([http_listener(route(respond=(99, "")))]), "status"),
        (bootstrap([http_listener(route(to="up", prefix_rewrite="/a", regex_rewrite={
            "pattern": {"regex": "a"}, "substitution": "b"}))], [cluster("up", 1)]), "rewrite"),
        (bootstrap([listener(http(route_config={"virtual_hosts": [
            {"name": "one", "domains": ["a.local"]}, {"name": "two", "domains": ["A.local"]}]}))]), "local"),
        (bootstrap([listener(http(route_config={"virtual_hosts": [{"name": "one", "domains": []}]}))]), "omains"),
        (bootstrap([http_listener(route(respond=(200, "")), stream_idle_timeout="-1s")]), ""),
        (bootstrap([], [cluster("", 1)]), "name"),
        (bootstrap([], [cluster("a", endpoint(70000))]), "port"),
        (bootstrap([], [cluster("a", endpoint(1, host="not an address"))]), "not an address"),
        (bootstrap([], [cluster("a", 1, connect_timeout="0s")]), ""),
        (bootstrap([listener({"name": "x", "typed_config": {"@type": TYPE + "no.such.Type"}})]), "no.such.Type"),
        (bootstrap([listener({"name": "nothing.known"})]), "nothing.known|filters.0"),
        (bootstrap([http_listener(route(respond=(200, "")), max_request_headers_kb=100000)]), ""),
    ])
    def test_refused(self, run, config, word):
        code, output = run(config=config)
        assert code == 1, output
        assert re.search(word, output, re.IGNORECASE), output

    def test_two_terminal_filters_are_refused(self, run):
        config = copy_of(GOOD)
        manager(config)["http_filters"] *= 2
        assert run(config=config)[0] == 1


class TestFlags:
    def test_version(self, run):
        code, output = run("--version", mode=None)
        assert code == 0 and "version" in output

    @pytest.mark.parametrize("arguments", [
        ("--no-such-flag",), ("--mode", "nonsense"), ("-l", "nonsense"), ("--concurrency", "many"), ("--drain-strategy", "never"),
        ("-c",)])
    def test_bad_flags_are_errors(self, run, arguments):
        code, output = run(*arguments, config=None if arguments == ("-c",) else GOOD, mode=None)
        assert code == 1 and output

    def test_no_configuration_is_an_error(self, run):
        assert run(mode=None)[0] == 1

    def test_config_yaml_alone(self, run):
        assert run("--config-yaml", json.dumps(GOOD))[0] == 0

    def test_config_yaml_is_merged_over_the_file(self, start):
        proxy = start(bootstrap([http_listener(route(respond=(200, "from the file")))]), "--config-yaml",
                      "node: {id: merged, metadata: {more: 1}}\nstats_flush_interval: 1s")
        assert proxy.fetch().text == "from the file"
        node = proxy.admin_json("/server_info")["node"]
        assert (node["id"], node["cluster"], node["metadata"]) == ("merged", "test-cluster", {"more": 1})

    def test_config_yaml_adds_to_lists(self, start):
        extra = yaml.safe_dump({"static_resources": {"listeners": [http_listener(route(respond=(200, "second")), name="second")]}})
        proxy = start(bootstrap([http_listener(route(respond=(200, "first")))]), "--config-yaml", extra)
        assert proxy.fetch().text == "first" and proxy.fetch(listener="second").text == "second"

    def test_service_flags_fill_the_node(self, start):
        config = bootstrap([http_listener(route(respond=(200, "")))])
        del config["node"]
        proxy = start(config, "--service-node", "n", "--service-cluster", "c", "--service-zone", "z")
        node = proxy.admin_json("/server_info")["node"]
        assert (node["id"], node["cluster"], node["locality"]["zone"]) == ("n", "c", "z")

    def test_log_path(self, start, tmp_path):
        start(bootstrap(), "--log-path", tmp_path / "log", log_level="info")
        wait_until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text(), "the log file")

    def test_log_levels(self, start):
        proxy = start(bootstrap(), "--component-log-level", "admin:trace", log_level="error")
        text = proxy.admin("/logging", "POST").text
        assert re.search(r"^  admin: trace$", text, re.M) and re.search(r"^  (?!admin)\S+: error$", text, re.M)

    def test_concurrency(self, start):
        proxy = start(bootstrap([http_listener(route(respond=(200, "")))]), concurrency=3)
        assert proxy.stat("server.concurrency") == 3
        assert proxy.admin_json("/server_info")["command_line_options"]["concurrency"] == 3

    @pytest.mark.remora_only("it takes the number of hardware threads, which a container's limit does not change")
    def test_concurrency_is_by_default_what_the_process_may_use(self, start):

        proxy = start(bootstrap([http_listener(route(respond=(200, "")))]), concurrency=None)
        assert 1 <= proxy.stat("server.concurrency") <= len(os.sched_getaffinity(0))

    def test_port_that_is_taken_is_an_error(self, start, closing):
        taken = closing(Upstream())
        proxy = start(bootstrap([listener(http([route(respond=(200, ""))]), port=taken.port, enable_reuse_port=False)]),
                      wait_ready=False)
        assert proxy.wait() == 1
        assert str(taken.port) in proxy.log

    def test_admin_address_is_written_down(self, start):
        proxy = start(bootstrap())
        assert proxy.admin_address_path.read_text() == f"127.0.0.1:{proxy.admin_port}"

    def test_no_admin_section_means_no_admin_server(self, start):
        config = bootstrap([http_listener(route(respond=(200, "")))])
        del config["admin"]
        proxy = start(config, wait_ready=False, log_level="info")
        wait_until(lambda: "starting main dispatch loop" in proxy.log or ", serving" in proxy.log, "the start")
        assert not proxy.admin_address_path.exists() or not proxy.admin_address_path.read_text()
        assert proxy.running
