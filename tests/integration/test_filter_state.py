"""The filter set_filter_state, and what access logs show of it."""

import pytest

from support.bootstrap import bootstrap, file_log, http, listener, route, routing, typed, virtual_host
from support.proxy import Proxy, under_test
from support.waiting import wait_until

NAME, MESSAGE = "envoy.filters.http.set_filter_state", "envoy.extensions.filters.http.set_filter_state.v3.Config"
LINE = "%REQ(:PATH)%|%FILTER_STATE(one:PLAIN)%|%FILTER_STATE(one)%|%FILTER_STATE(one:TYPED):4%|%FILTER_STATE(two:PLAIN):3%|%FILTER_STATE(three:PLAIN)%|%FILTER_STATE(four:FIELD:x)%|%FILTER_STATE(none:PLAIN)%\n"


def value(key, text, factory="envoy.string", **more):
    return {"object_key": key, "format_string": {"text_format_source": {"inline_string": text}},
            **({"factory_key": factory} if factory else {}), **more}


def sets(*values):
    return typed(MESSAGE, on_request_headers=list(values))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    log = tmp_path_factory.mktemp("state") / "log"
    own = [value("one", "%REQ(x-one)%"), value("two", "fixed", read_only=True), value("two", "%REQ(x-two)%")]
    maybe = {"typed_per_filter_config": {NAME: sets(value("one", "%REQ(x-maybe)%", skip_if_empty=True), value("two", "route"))}}
    host = virtual_host(route("/of-route", respond=(200, ""), **maybe), route("/", respond=(200, "")),
                        typed_per_filter_config={NAME: sets(value("three", "host"))})
    table = routing(host, typed_per_filter_config={NAME: sets(value("three", "table"), value("four", "table"))})
    front = listener(http(route_config=table, access_log=[file_log(log, LINE)],
                          filters=[{"name": NAME, "typed_config": sets(*own)}]))
    with Proxy(bootstrap([front])) as proxy:
        proxy.access_log = log
        yield proxy


@pytest.mark.parametrize("target, headers, wanted", [
    ("/1", {"x-one": "first", "x-two": "second"}, 'first|"first"|"fir|sec|host|-|-'),
    ("/2", {"x-one": 'a"b\\c'}, 'a"b\\c|"a\\"b\\\\c"|"a\\"|-|host|-|-'),
    ("/3", {}, '-|"-"|"-"|-|host|-|-'),
    ("/of-route/1", {"x-one": "first", "x-maybe": "route"}, 'route|"route"|"rou|rou|host|-|-'),
    ("/of-route/2", {"x-one": "first", "x-maybe": ""}, 'first|"first"|"fir|rou|host|-|-'),
    ("/of-route/3", {"x-one": "first"}, '-|"-"|"-"|rou|host|-|-'),  # what is not there reads "-": not empty
])
def test_what_a_log_shows(proxy, target, headers, wanted):
    assert proxy.fetch(target, headers=headers).status == 200
    lines = wait_until(lambda: [line for line in proxy.access_log.read_text().splitlines() if line.startswith(target + "|")], "a line")
    assert lines[-1] == f"{target}|{wanted}"


@pytest.mark.parametrize("wrong, message", [
    (value("envoy.tcp_proxy.cluster", "x", factory=None), "factory_key: 'envoy.tcp_proxy.cluster' is not implemented"),
    (value("a", "x", factory="envoy.network.upstream_server_name"), "factory_key: 'envoy.network.upstream_server_name' is not implemented"),
    (value("", "x"), "object_key: must not be empty"),
    ({"object_key": "a", "factory_key": "envoy.string"}, "format_string: is required"),
    (value("a", "%NOTHING%"), "format_string.text_format_source"),
    ({**value("a", "x"), "format_string": {"json_format": {"a": "b"}}}, "format_string.json_format"),
])
@pytest.mark.skipif(under_test() == "envoy", reason="Envoy has messages of its own")
def test_what_is_not_implemented_is_refused(wrong, message):
    front = listener(http([route(respond=(200, ""))], filters=[{"name": NAME, "typed_config": sets(wrong)}]))
    with Proxy(bootstrap([front]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert "http_filters[0].typed_config.on_request_headers[0]." + message in proxy.log
