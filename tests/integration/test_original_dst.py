"""Connections that the kernel redirected: where they wanted to go decides which listener, chain and host they get.

In pods, with real iptables rules, in both families. Everything here holds for Envoy as well, unless a test says why not.
"""

import ssl

import pytest

from support import bootstrap as b
from support.certificates import Authority, TlsUpstream
from support.http2_client import Http2Client
from support.http2_server import Http2Upstream
from support.interception import INBOUND, OUTBOUND, captured, chain, divert, logged, passthrough, redirect, sidecar
from support.pods import APP_UID, Network, PodClient, PodProxy, unavailable
from support.proxy import under_test
from support.tcp import Server, echo, greeter, is_over, read_all
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")

in_both_families = pytest.mark.parametrize("family", ["v4", "v6"])
ours = pytest.mark.skipif(under_test() != "remora", reason="Envoy is not as careful")
BANNER = b"220 mail.test ready\r\n"
HTTP = ["http/1.1", "h2c"]
DOWNSTREAM_PROTOCOL = {b.HTTP_OPTIONS: b.typed(b.HTTP_OPTIONS, use_downstream_protocol_config={
    "http_protocol_options": {}, "http2_protocol_options": {}})}


@pytest.fixture(name="network")
def fixture_network(closing):
    return closing(Network())


@pytest.fixture(name="pod")
def fixture_pod(network):
    made = network.pod("app")
    redirect(made)
    return made


@pytest.fixture(name="other")
def fixture_other(network):
    """Somebody whom the mesh knows nothing of."""
    return network.outside("other.test")


def at(pod, family):
    return getattr(pod, family)


def text(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def serve(closing, pod, kind, *arguments, **more):
    with pod.entered(APP_UID):
        return closing(kind(*arguments, **more))


def log_lines(proxy, count=1):
    """The fields of the access log's lines, as soon as there are `count`."""
    def lines():
        return [fields for fields in map(str.split, proxy.log.splitlines()) if len(fields) == 6 and ":" in fields[0]]
    return wait_until(lambda: (found := lines()) and len(found) >= count and found, lambda: f"{count} lines in {lines()}")


def known_address(name, address, port, *chains, **more):
    return {"name": name, "address": b.address(port, address), "bind_to_port": False, "filter_chains": list(chains), **more}


def known_port(name, port, *chains, **more):
    return captured(name, port, *chains, bind_to_port=False, **more)


def answer(body, **more):
    return b.http([b.route("/", respond=(200, body))], **more)


# ------------------------------------------------------------------------------------------------ outbound

@in_both_families
def test_what_no_listener_is_for_passes_through(pod, other, closing, family):
    serve(closing, other, Upstream, "web", address=at(other, family), port=8080)
    proxy = closing(PodProxy(pod, sidecar()))
    assert pod.fetch("other.test", 8080, to=at(other, family)).body == b"web"
    wanted = text(at(other, family), 8080)
    assert log_lines(proxy)[0] == [wanted, wanted, "PassthroughCluster", "-", "-", "-"]
    assert f"PassthroughCluster::{wanted}::cx_total::1" in proxy.admin("/clusters").text
    assert proxy.stat("cluster.PassthroughCluster.membership_total") == 1
    assert proxy.stat("cluster.PassthroughCluster.upstream_cx_total") == 1


@in_both_families
def test_the_address_decides_then_the_port_then_nothing(pod, network, other, closing, family):
    """A listener at exactly that address, else one at that port of any address, else none."""
    service = {"v4": "10.96.0.10", "v6": "fd00:96::10"}[family]
    network.name("svc.test", service)
    serve(closing, other, Upstream, "through", address=at(other, family), port=8081)
    closing(PodProxy(pod, sidecar(
        known_address("exact", service, 8080, chain(answer("exact"))),
        known_port("port", 8080, chain(answer("port"))))))
    assert pod.fetch("svc.test", 8080).body == b"exact"
    assert pod.fetch("other.test", 8080, to=at(other, family)).body == b"port"
    assert pod.fetch("other.test", 8081, to=at(other, family)).body == b"through"


@in_both_families
def test_chains_of_the_listener_that_stays_see_where_the_client_wanted_to_go(pod, other, closing, family):
    ranges = [{"address_prefix": at(other, family), "prefix_len": 32 if family == "v4" else 128}]
    closing(PodProxy(pod, sidecar(outbound=[
        chain(answer("port"), name="port", destination_port=7000),
        chain(answer("range"), name="range", prefix_ranges=ranges),
        chain(answer("any"), name="any")])))
    assert pod.fetch("other.test", 7000, to=at(other, family)).body == b"port"
    assert pod.fetch("other.test", 7001, to=at(other, family)).body == b"range"
    elsewhere = {"v4": "203.0.113.99", "v6": "2001:db8:1::99"}[family]
    assert pod.fetch("other.test", 7001, to=elsewhere).body == b"any"


def http_through(cluster="PassthroughCluster", **more):
    return b.http([b.route("/", to=cluster)], access_log=logged(), **more)


def test_http_goes_where_its_connection_wanted_to_go(pod, other, closing):
    """Whatever host the requests name; in the protocol that they came in."""
    first = serve(closing, other, Upstream, "first", address=other.v4, port=8080)
    second = serve(closing, other, Http2Upstream, "second", address=other.v6, port=8080)
    proxy = closing(PodProxy(pod, sidecar(
        known_port("http", 8080, chain(http_through("orig"))),
        clusters=[passthrough("orig", typed_extension_protocol_options=DOWNSTREAM_PROTOCOL)])))
    with PodClient(pod.connect(other.v4, 8080)) as client:
        assert [client.request("GET", "/", host="anything.test").body for _ in range(3)] == [b"first"] * 3
    assert len(first.connections) == 1 and len(first.requests) == 3
    with Http2Client(sock=pod.connect(other.v6, 8080)) as client:
        streams = [client.request() for _ in range(3)]
        while not all(stream.complete for stream in streams):
            assert client.receive()
        assert [bytes(stream.body) for stream in streams] == [b"second"] * 3
    v4, v6 = text(other.v4, 8080), text(other.v6, 8080)
    assert sorted(log_lines(proxy, 6)) == [[v4, v4, "orig", "-", "HTTP/1.1", "-"]] * 3 + [[v6, v6, "orig", "-", "HTTP/2", "-"]] * 3
    assert proxy.stat("cluster.orig.membership_total") >= 2  # Envoy's workers may make the same host several times


def test_tls_passes_through_untouched(pod, other, closing, tmp_path):
    authority = Authority(tmp_path)
    with other.entered():
        server = closing(TlsUpstream(authority.issue("other", "DNS:other.test"), name="tls", address=other.v4, port=8443))
    inspected = known_port("tls", 8443, chain(b.tcp_proxy("BlackHoleCluster"), server_names=["known.test"]),
                           chain(b.tcp_proxy("PassthroughCluster", access_log=logged())),
                           listener_filters=[b.listener_filter("tls_inspector")], listener_filters_timeout="0s",
                           continue_on_listener_filters_timeout=True)
    proxy = closing(PodProxy(pod, sidecar(inspected)))
    context = ssl.create_default_context(cafile=authority.certificate)
    with PodClient(context.wrap_socket(pod.connect(other.v4, 8443), server_hostname="other.test")) as client:
        assert client.request("GET", "/", host="other.test").body == b"tls"
    assert server.handshakes[0][1] == "other.test"
    assert log_lines(proxy)[0][5] == "other.test"


# ------------------------------------------------------------------------------------------------ who speaks first

def sniffing(timeout="0s"):
    """As istiod sends it for ports whose protocol nobody has declared."""
    return known_port("sniffing", 2525, chain(answer("http"), transport_protocol="raw_buffer", application_protocols=HTTP),
                      default_filter_chain=chain(b.tcp_proxy("PassthroughCluster")),
                      listener_filters=[b.listener_filter("http_inspector")],
                      listener_filters_timeout=timeout, continue_on_listener_filters_timeout=True)




@in_both_families
def test_a_server_that_speaks_first_is_heard_where_nothing_inspects(pod, other, closing, family):
    serve(closing, other, Server, greeter(BANNER), address=at(other, family), port=2525)
    closing(PodProxy(pod, sidecar(known_port("tcp", 2525, chain(b.tcp_proxy("PassthroughCluster"))))))
    with pod.connect(at(other, family), 2525) as client:
        assert client.recv(100) == BANNER


def test_a_server_that_speaks_first_is_heard_once_the_inspector_gives_up(pod, other, closing):
    serve(closing, other, Server, greeter(BANNER), address=other.v4, port=2525)
    proxy = closing(PodProxy(pod, sidecar(sniffing(timeout="0.05s"))))
    with pod.connect(other.v4, 2525) as client:
        assert client.recv(100) == BANNER
    assert proxy.stat("listener.0.0.0.0_2525.downstream_pre_cx_timeout") == 1


def test_no_timeout_means_to_wait_for_the_client(pod, other, closing):
    """A timeout of 0 is none: the inspector waits until the client speaks, and then knows."""
    serve(closing, other, Server, echo, address=other.v4, port=2525)
    proxy = closing(PodProxy(pod, sidecar(sniffing())))
    with pod.connect(other.v4, 2525) as client:
        proxy.wait_stat("listener.0.0.0.0_2525.downstream_pre_cx_active")
        client.sendall(b"\0\1\2 hardly HTTP")
        assert client.recv(100) == b"\0\1\2 hardly HTTP"
    assert pod.fetch("other.test", 2525).body == b"http"
    assert proxy.stat("listener.0.0.0.0_2525.downstream_pre_cx_timeout") == 0


def test_inspectors_are_off_for_the_ports_that_say_so(pod, other, closing):
    """By the restored port, with predicates as istiod nests them."""
    ports = [2526, 2527]
    for port in (*ports, 2528):
        serve(closing, other, Server, greeter(BANNER), address=other.v4, port=port)
    one_of = {"or_match": {"rules": [{"destination_port_range": {"start": port, "end": port + 1}} for port in ports]}}
    off = {**b.listener_filter("http_inspector"), "filter_disabled": one_of}
    proxy = closing(PodProxy(pod, sidecar(
        listener_filters=[b.listener_filter("original_dst"), off], listener_filters_timeout="0s",
        continue_on_listener_filters_timeout=True)))
    for port in ports:
        with pod.connect(other.v4, port) as client:
            assert client.recv(100) == BANNER
    with pod.connect(other.v4, 2528) as client:
        proxy.wait_stat("listener.0.0.0.0_15001.downstream_pre_cx_active")
        client.sendall(b"EHLO\r\n")
        assert client.recv(100) == BANNER


# ------------------------------------------------------------------------------------------------ inbound

@in_both_families
def test_the_application_hears_from_a_loopback_address(pod, network, closing, family):
    """Of the family it is reached in: so the kernel's rules can tell the sidecar's connections from others'."""
    app = serve(closing, pod, Upstream, "app", address=at(pod, family), port=9001)
    client = network.pod("client")
    proxy = closing(PodProxy(pod, sidecar()))
    if family == "v6":
        pod.ip("addr add ::6/128 dev lo nodad")
    assert client.fetch("app", 9001, to=at(pod, family)).body == b"app"
    assert app.connections[0].peer == {"v4": "127.0.0.6", "v6": "::6"}[family]
    wanted = text(at(pod, family), 9001)
    assert log_lines(proxy)[0][:3] == [wanted, wanted, "InboundPassthroughCluster"]


def test_a_source_that_is_not_ours_fails_with_a_reason(pod, other, closing):
    serve(closing, other, Upstream, "web", address=other.v4, port=8080)
    proxy = closing(PodProxy(pod, sidecar(
        known_port("http", 8080, chain(http_through("bound"))), clusters=[passthrough("bound", ["192.0.2.77"])])))
    assert pod.fetch("other.test", 8080).status == 503
    assert proxy.stat("cluster.bound.bind_errors") == 1
    assert log_lines(proxy)[0][3] == "UF"


# ------------------------------------------------------------------------------------------------ nowhere to go

def test_a_connection_to_the_sidecars_own_port_does_not_loop(pod, closing, network):
    """istiod's chain for it leads nowhere."""
    client = network.pod("client")
    proxy = closing(PodProxy(pod, sidecar()))
    for port in (OUTBOUND, INBOUND):
        with pod.connect("127.0.0.1", port) as connection:
            connection.sendall(b"x")
            assert is_over(connection)
    with client.connect(pod.v4, INBOUND) as connection:
        assert is_over(connection)
    assert proxy.stat("cluster.BlackHoleCluster.upstream_cx_none_healthy") >= 2


@ours
def test_nor_does_it_without_a_chain_that_leads_nowhere(pod, closing):
    to_itself = chain(b.tcp_proxy("PassthroughCluster", access_log=logged()))
    proxy = closing(PodProxy(pod, sidecar(outbound=[to_itself])))
    with pod.connect("127.0.0.1", OUTBOUND) as connection:
        assert is_over(connection)
    assert log_lines(proxy)[0][3] == "UH"
    assert proxy.stat("cluster.PassthroughCluster.upstream_cx_total") == 0


def test_what_no_chain_is_for_is_logged_by_the_listener(pod, other, closing):
    """As istiod configures it: with the flag NR."""
    log = [{**logged()[0], "filter": {"response_flag_filter": {"flags": ["NR"]}}}]
    proxy = closing(PodProxy(pod, sidecar(
        outbound=[chain(b.tcp_proxy("PassthroughCluster"), destination_port=1)], access_log=log)))
    with pod.connect(other.v4, 8080) as connection:
        assert is_over(connection)
    assert log_lines(proxy)[0] == [text(other.v4, 8080), "-", "-", "NR", "-", "-"]


def test_a_host_that_refuses_is_a_failed_connection(pod, other, closing):
    proxy = closing(PodProxy(pod, sidecar(known_port("http", 8080, chain(http_through())))))
    assert pod.fetch("other.test", 8080).status == 503
    assert log_lines(proxy)[0][1:4] == [text(other.v4, 8080), "PassthroughCluster", "UF"]


# ------------------------------------------------------------------------------------------------ who stays

def test_hosts_go_when_nobody_uses_them(pod, other, closing):
    serve(closing, other, Server, echo, address=other.v4, port=8080)
    proxy = closing(PodProxy(pod, sidecar(
        known_port("tcp", 8080, chain(b.tcp_proxy("short"))), clusters=[passthrough("short", cleanup_interval="0.05s")])))
    with pod.connect(other.v4, 8080) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        with pod.connect(other.v4, 8080) as second:
            second.shutdown(1)
            assert read_all(second) == b"bye"
        assert proxy.stat("cluster.short.membership_total") == 1
    wait_until(lambda: proxy.stat("cluster.short.membership_total") == 0, "the host to go")
    assert text(other.v4, 8080) not in proxy.admin("/clusters").text
    with pod.connect(other.v4, 8080) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"


@ours
def test_a_scan_of_a_network_leaves_few_hosts(pod, other, closing):
    """Envoy keeps one for each address until the next clean-up."""
    other.ip("route add local 198.18.0.0/15 dev lo", "addr add 198.18.0.1/32 dev lo")
    network = other.node
    network.ip(f"route add 198.18.0.0/15 via {other.v4}")
    pod.node.ip("route show")
    serve(closing, other, Upstream, "web", address="0.0.0.0", port=8080)
    proxy = closing(PodProxy(pod, sidecar(
        known_port("http", 8080, chain(http_through("scanned"))),
        clusters=[passthrough("scanned", cleanup_interval="3600s")])))
    for number in range(1500):
        address = f"198.18.{number // 250}.{number % 250 + 1}"
        assert pod.fetch("other.test", 8080, to=address).status == 200
    assert proxy.stat("cluster.scanned.membership_total") == 1024
    shown = proxy.admin("/clusters").text
    assert "scanned::198.18.5.250:8080::cx_total::1" in shown
    assert "scanned::198.18.0.1:8080::" not in shown  # the oldest has gone


# ------------------------------------------------------------------------------------------------ without redirection

@in_both_families
def test_tproxy_shows_the_client_to_the_application(network, closing, family):
    pod, client = network.pod("app"), network.pod("client")
    divert(pod)
    app = serve(closing, pod, Upstream, "app", address=at(pod, family), port=9001)
    source = {"name": "original_src", "typed_config": b.typed(
        "envoy.extensions.filters.listener.original_src.v3.OriginalSrc", mark=1337)}
    inbound = captured("virtualInbound", INBOUND, chain(http_through("orig")), transparent=True,
                       listener_filters=[b.listener_filter("original_dst"), source], traffic_direction="INBOUND")
    proxy = closing(PodProxy(pod, b.bootstrap([inbound], [passthrough("orig")]), uid=0))
    assert client.fetch("app", 9001, to=at(pod, family)).body == b"app"
    assert app.connections[0].peer == at(client, family)
    wanted = text(at(pod, family), 9001)
    assert log_lines(proxy)[0][:2] == [wanted, wanted]
