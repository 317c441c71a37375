"""What stands between a pod's programs and its sidecar: redirection by the kernel, and the listeners that meet it."""

from support import bootstrap as b
from support.pods import PROXY_UID

OUTBOUND, INBOUND = 15001, 15006
ORIGINAL_DST = {"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "10s"}
ANY = {4: "0.0.0.0", 6: "::"}
SEEN = "%DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %RESPONSE_FLAGS% %PROTOCOL% %REQUESTED_SERVER_NAME%\n"


def redirect(pod):
    """Every TCP connection of the pod's programs goes to the sidecar, and so does every one that comes; in both families."""
    for command in ("iptables", "ip6tables"):
        for rule in (f"OUTPUT -p tcp -m owner --uid-owner {PROXY_UID} -j RETURN",
                     "OUTPUT -o lo -j RETURN",
                     f"OUTPUT -p tcp -j REDIRECT --to-ports {OUTBOUND}",
                     f"PREROUTING -p tcp -j REDIRECT --to-ports {INBOUND}"):
            apply(pod, command, "-t", "nat", "-A", *rule.split())


def divert(pod):
    """What comes goes to the sidecar as it is (TPROXY), with the client's address on the way to the application."""
    for command, family, any_address in (("iptables", "-4", "0.0.0.0/0"), ("ip6tables", "-6", "::/0")):
        for rule in ("PREROUTING -p tcp -m mark --mark 1337 -j CONNMARK --save-mark",  # the sidecar, as the client
                     "PREROUTING -p tcp -m mark --mark 1337 -j RETURN",
                     "PREROUTING -i lo -j RETURN",
                     "PREROUTING -p tcp -m socket --transparent -j MARK --set-mark 1337",
                     "PREROUTING -p tcp -m mark --mark 1337 -j RETURN",
                     f"PREROUTING -p tcp -j TPROXY --on-port {INBOUND} --tproxy-mark 1337",
                     "OUTPUT -p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark"):
            apply(pod, command, "-t", "mangle", "-A", *rule.split())
        apply(pod, "ip", family, "rule", "add", "fwmark", "1337", "lookup", "133")
        apply(pod, "ip", family, "route", "add", "local", any_address, "dev", "lo", "table", "133")


def apply(pod, *command):
    done = pod.run(*command)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def passthrough(name, source=None, **more):
    """A cluster that goes where its connections wanted to go."""
    bind = {}
    if source:
        first, *others = source
        bind = {"upstream_bind_config": {"source_address": {"address": first, "port_value": 0}}}
        if others:
            bind["upstream_bind_config"]["extra_source_addresses"] = [
                {"address": {"address": other, "port_value": 0}} for other in others]
    return {"name": name, **ORIGINAL_DST, **bind, **more}


def captured(name, port, *chains, **more):
    """A listener in both families, in front of which stands the kernel."""
    return {"name": name, "address": b.address(port, ANY[4]),
            "additional_addresses": [{"address": b.address(port, ANY[6])}], "filter_chains": list(chains), **more}


def chain(*filters, name=None, **match):
    result = {"filters": list(filters)}
    if name:
        result["name"] = name
    if match:
        result["filter_chain_match"] = match
    return result


def logged():
    return [{"name": "log", "typed_config": b.typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format={
        "text_format_source": {"inline_string": SEEN}})}]


def sidecar(*listeners, clusters=(), outbound=(), **virtual_outbound):
    """A bootstrap in istiod's layout: what no listener is for passes through, in both directions."""
    to_passthrough = chain(b.tcp_proxy("PassthroughCluster", stat_prefix="PassthroughCluster", access_log=logged()))
    blackhole = chain(b.tcp_proxy("BlackHoleCluster", stat_prefix="BlackHoleCluster", access_log=logged()),
                      name="virtualOutbound-blackhole", destination_port=OUTBOUND)
    chains = list(outbound) or [blackhole, to_passthrough]
    inbound = captured("virtualInbound", INBOUND, chain(
        b.tcp_proxy("BlackHoleCluster", stat_prefix="BlackHoleCluster"), destination_port=INBOUND), chain(
        b.tcp_proxy("InboundPassthroughCluster", stat_prefix="InboundPassthroughCluster", access_log=logged())),
        listener_filters=[b.listener_filter("original_dst")], traffic_direction="INBOUND")
    return b.bootstrap(
        [captured("virtualOutbound", OUTBOUND, *chains, use_original_dst=True, traffic_direction="OUTBOUND",
                  **virtual_outbound), inbound, *listeners],
        [passthrough("PassthroughCluster"), passthrough("InboundPassthroughCluster", ("127.0.0.6", "::6")),
         b.cluster("BlackHoleCluster"), *clusters])
