"""`remoractl iptables` in real network namespaces: which connection goes where, and what the rules leave behind.

The sidecar is a small listener that says where a connection was going to, so that an answer tells its way.
"""

import contextlib
import pathlib
import re
import shutil
import socket
import struct
import threading

import pytest

from support.pods import APP_UID, PROXY_UID, Network, unavailable
from support.proxy import bin_dir
from support.tcp import read_all

OUTBOUND, INBOUND = 15001, 15006
TOOLS = {"iptables-nft": ["--force-iptables-binary", "nft"], "iptables-legacy": ["--force-iptables-binary", "legacy"],
         "nft": ["--native-nftables"]}
SERVICES = {4: "10.96.0.10", 6: "fd00:96::10"}
MYSELF = {4: "127.0.0.1", 6: "::1"}
PASSTHROUGH = {4: "127.0.0.6", 6: "::6"}

# Chains of the kernel that a tool has made once stay, and hold nothing; nft tells about iptables-nft's tables too.
SHOW = """for flavour in nft legacy; do for family in iptables ip6tables; do
    $family-$flavour-save | grep -e '^-A' -e '^:ISTIO' | sort -s -k 1,2; done; done
nft --stateless list ruleset | sed -n '/^table [a-z0-9]* istio-proxy/,/^}/p'
ip -4 rule; ip -6 rule; ip -4 route show table 133; ip -6 route show table 133; ip -6 addr show dev lo | grep inet6"""
UNCHANGING = r"0:\s|3276[67]:\s"  # the kernel's own routing rules


def missing():
    tools = [tool for tool in ("iptables-nft", "iptables-legacy", "nft") if not shutil.which(tool)]
    return unavailable() or (f"not installed: {', '.join(tools)}" if tools else "")


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")


def original_destination(connection):
    """Where a redirected connection was going to, as the kernel remembers (linux/netfilter_ipv4.h)."""
    if connection.family == socket.AF_INET:
        port, address = struct.unpack_from("!2xH4s", connection.getsockopt(socket.SOL_IP, 80, 16))
        return f"{socket.inet_ntop(socket.AF_INET, address)}:{port}"
    port, address = struct.unpack_from("!2xH4x16s", connection.getsockopt(socket.IPPROTO_IPV6, 80, 28))
    return f"{socket.inet_ntop(socket.AF_INET6, address)}:{port}"


class Says:
    """Listens in a pod in both families, and answers each connection with `say(connection)`."""

    def __init__(self, pod, port, say, uid, transparent=False):
        self.sockets = []
        with pod.entered(uid):
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                listener = socket.socket(family, socket.SOCK_STREAM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                if transparent:  # IP_TRANSPARENT, IPV6_TRANSPARENT
                    listener.setsockopt(*((socket.SOL_IP, 19) if family == socket.AF_INET else (socket.IPPROTO_IPV6, 75)), 1)
                listener.bind((address, port))
                listener.listen(64)
                self.sockets.append(listener)
                threading.Thread(target=self.accept, args=(listener, say), daemon=True).start()

    def accept(self, listener, say):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.sendall(say(connection).encode())

    def close(self):
        for listener in self.sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class World:
    """A pod with an application on 8080 and a sidecar; a second pod and a host outside that have only servers."""

    def __init__(self, closing):
        self.closing = closing
        self.network = closing(Network())
        self.web, self.other = self.network.pod("web"), self.network.pod("other")
        self.outside = self.network.outside("outside")
        for pod in (self.web, self.other, self.outside):
            self.listen(pod, 8080, lambda connection, pod=pod: f"{pod.name}'s application, to {connection.getpeername()[0]}")
        self.listen(self.web, 15021, lambda _: "health")
        self.listen(self.web, OUTBOUND, lambda connection: f"outbound {original_destination(connection)}", PROXY_UID)

    def listen(self, pod, port, say, uid=APP_UID, **options):
        return self.closing(Says(pod, port, say, uid, **options))

    def redirecting(self):
        self.listen(self.web, INBOUND, lambda connection: f"inbound {original_destination(connection)}", PROXY_UID)

    def remoractl(self, *flags, prefix=()):
        return self.web.run(*prefix, bin_dir() / "remoractl", "iptables", *flags)

    def apply(self, *flags):
        done = self.remoractl(*flags)
        assert done.returncode == 0, done.stderr
        return done

    def ask(self, pod, address, port, uid=APP_UID, **options):
        """What answers when a program of that user in that pod connects."""
        with pod.connect(address, port, uid, **options) as connection:
            return read_all(connection).decode()

    def state(self):
        """The pod's rules and routes: iptables' rules in their order, and what concerns marks and our nft tables."""
        shown = self.web.run("sh", "-c", SHOW)
        lines = (line.strip() for line in shown.stdout.splitlines())
        return [re.sub(r"^\d+:\s", "", line) for line in lines if line and not re.match(UNCHANGING, line)]

    def held(self):
        """What of it is ours."""
        return [line for line in self.state() if any(ours in line for ours in ("ISTIO_", "istio-", "0x539", "::6", "133", "0x4d"))]


@pytest.fixture
def world(closing):
    return World(closing)


def of(pod, family):
    return pod.v4 if family == 4 else pod.v6


def at(address, port=8080):
    return f"{address}:{port}"


@pytest.mark.parametrize("tool", TOOLS)
def test_who_is_captured_and_who_is_not(world, tool):
    world.redirecting()
    world.apply(*TOOLS[tool], "-d", "15021,9000-9010")
    web, other, outside = world.web, world.other, world.outside
    for family in (4, 6):
        here, there, far = of(web, family), of(other, family), of(outside, family)
        service, myself = SERVICES[family], MYSELF[family]
        ways = {
            "an application calls a service": (web, service, 80, APP_UID, f"outbound {at(service, 80)}"),
            "another pod": (web, there, 8080, APP_UID, f"outbound {at(there)}"),
            "the world": (web, far, 8080, APP_UID, f"outbound {at(far)}"),
            "itself by the pod's address": (web, here, 8080, APP_UID, f"web's application, to {here}"),
            "itself as localhost": (web, myself, 8080, APP_UID, f"web's application, to {myself}"),
            "root is an application too": (web, there, 8080, 0, f"outbound {at(there)}"),
            "the sidecar calls another pod": (web, there, 8080, PROXY_UID, f"other's application, to {here}"),
            "the world, from there": (web, far, 8080, PROXY_UID, f"outside's application, to {here}"),
            "its pod, for an application that calls its own service": (web, here, 8080, PROXY_UID, f"inbound {at(here)}"),
            "its application": (web, myself, 8080, PROXY_UID, f"web's application, to {myself}"),
            "another pod calls": (other, here, 8080, APP_UID, f"inbound {at(here)}"),
            "a port where nobody listens": (other, here, 7777, APP_UID, f"inbound {at(here, 7777)}"),
            "the probes' port": (other, here, 15021, APP_UID, "health"),
        }
        for way, (source, address, port, uid, answer) in ways.items():
            assert world.ask(source, address, port, uid) == answer, f"{tool}, IPv{family}: {way}"
        passed = world.ask(web, here, 8080, PROXY_UID, source=PASSTHROUGH[family])
        assert passed == f"web's application, to {PASSTHROUGH[family]}", f"{tool}, IPv{family}: to its application by 127.0.0.6"
        with pytest.raises(ConnectionRefusedError):
            world.ask(other, here, 9005)  # excluded, and nobody listens


@pytest.mark.parametrize("tool", TOOLS)
def test_what_flags_include_and_exclude(world, tool):
    world.redirecting()
    web, other, outside = world.web, world.other, world.outside
    captured = f"outbound {at(other.v4)}"
    direct = f"other's application, to {web.v4}"

    def there(*flags, pod=other, uid=APP_UID):
        world.apply(*TOOLS[tool], *flags)
        return world.ask(web, pod.v4, 8080, uid)

    assert there("-x", "10.244.0.0/16,fd00::/8") == direct
    assert there("-x", "10.245.0.0/16") == captured
    assert there("-i", "203.0.113.0/24") == direct
    assert there("-i", "203.0.113.0/24", pod=outside) == f"outbound {at(outside.v4)}"
    assert there("-i", "") == direct
    assert there("-i", "", "-q", "8080") == captured
    assert there("-o", "8000-8100") == direct
    assert there("-o", "80") == captured
    assert there("-c", "eth0") == direct
    assert there("-c", "eth+") == direct
    assert there("-u", str(APP_UID)) == direct
    assert there("-g", str(APP_UID)) == direct
    assert there("--outbound-owner-groups-exclude", f"5,{APP_UID}") == direct
    assert there("--outbound-owner-groups", "5,6") == direct
    assert there("--outbound-owner-groups", f"5,{APP_UID}") == captured

    def here(*flags):
        world.apply(*TOOLS[tool], *flags)
        return world.ask(other, web.v6, 8080)

    assert here("-b", "9000,8000-8100") == f"inbound {at(web.v6)}"
    assert here("-b", "80") == here("-b", "") == here("-d", "8080") == here("-c", "eth0") == f"web's application, to {other.v6}"
    assert here("-k", "eth0") == f"outbound {at(web.v6)}"  # as if a virtual machine sat behind the interface
    assert here("-k", "eth0", "-i", "10.0.0.0/8") == f"web's application, to {other.v6}"


@pytest.mark.parametrize("tool", TOOLS)
def test_tproxy_keeps_who_calls(world, tool):
    world.listen(world.web, INBOUND, lambda connection: f"inbound {at(*connection.getsockname()[:2])} from {connection.getpeername()[0]}",
                 PROXY_UID, transparent=True)
    world.apply(*TOOLS[tool], "-m", "TPROXY")
    web, other = world.web, world.other
    for family in (4, 6):
        here, there = of(web, family), of(other, family)
        assert world.ask(other, here, 8080) == f"inbound {at(here)} from {there}"
        assert world.ask(other, here, 15021) == "health"
        assert world.ask(web, here, 8080) == f"web's application, to {here}"
        assert world.ask(web, MYSELF[family], 8080) == f"web's application, to {MYSELF[family]}"
        assert world.ask(web, there, 8080) == f"outbound {at(there)}"
        assert world.ask(web, here, 8080, PROXY_UID, source=PASSTHROUGH[family]).endswith(f"to {PASSTHROUGH[family]}")


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("flags", [[], ["-m", "TPROXY", "--drop-invalid", "-c", "net1", "-k", "vm0"]], ids=["redirect", "tproxy"])
def test_twice_is_as_once_and_over_others_is_as_afresh(world, tool, flags):
    untouched = world.state()
    world.apply(*TOOLS[tool], *flags)
    once = world.state()
    assert len(once) > len(untouched) + 20
    world.apply(*TOOLS[tool], *flags)
    assert world.state() == once
    for other in TOOLS.values():
        world.apply(*other, "-m", "TPROXY", "-t", "77", "-b", "80", "-x", "10.0.0.0/8")
        world.apply(*TOOLS[tool], *flags)
        assert world.state() == once, other
    world.apply("--cleanup-only")
    assert not world.held()
    assert not world.remoractl("-n", "--cleanup-only").stdout


@pytest.mark.parametrize("tool", TOOLS)
def test_a_dry_run_changes_nothing_and_is_a_script_that_does_it(world, tool):
    before = world.state()
    script = world.apply("-n", *TOOLS[tool], "-m", "TPROXY").stdout
    assert world.state() == before
    done = world.web.run("sh", "-e", input=script)
    assert done.returncode == 0, done.stderr
    by_script = world.state()
    world.apply("--cleanup-only")
    world.apply(*TOOLS[tool], "-m", "TPROXY")
    assert by_script == world.state()
    assert "# excluded inbound port\n" in script and "-A ISTIO_INBOUND" in script or tool == "nft"


FOREIGN = """*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_OUTPUT_DNS - [0:0]
:KUBE-MARK - [0:0]
-A PREROUTING -i net7 -j RETURN
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -j KUBE-MARK
-A OUTPUT -o net7 -j RETURN
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS
-A ISTIO_OUTPUT_DNS -p udp --dport 53 -j REDIRECT --to-ports 15053
COMMIT
*raw
:ISTIO_OUTPUT_DNS - [0:0]
-A OUTPUT -j ISTIO_OUTPUT_DNS
COMMIT
*mangle
:ISTIO_INBOUND - [0:0]
-A PREROUTING -p tcp -m mark --mark 1337 -j CONNMARK --save-mark
-A OUTPUT -p tcp -o lo -m mark --mark 1337 -j RETURN
-A OUTPUT ! -d 127.0.0.1/32 -p tcp -o lo -m owner --uid-owner 1337 -j MARK --set-mark 1338
-A OUTPUT -p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark
-A OUTPUT -p tcp -j ACCEPT
COMMIT
*filter
-A INPUT -p tcp --dport 9999 -j DROP
COMMIT
"""


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_cleanup_takes_what_istio_wrote_and_leaves_others(world, flavour):
    done = world.web.run(f"iptables-{flavour}-restore", "--noflush", input=FOREIGN)
    assert done.returncode == 0, done.stderr
    world.apply("--cleanup-only", "-c", "net7")
    rules = [line for line in world.web.run(f"iptables-{flavour}-save").stdout.splitlines() if line.startswith("-A")]
    assert sorted(rules) == ["-A INPUT -p tcp -m tcp --dport 9999 -j DROP", "-A OUTPUT -j KUBE-MARK", "-A OUTPUT -p tcp -j ACCEPT"]


def test_the_flavour_that_has_rules_is_the_one_to_use(world):
    assert world.web.run("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "9999", "-j", "DROP").returncode == 0
    assert "iptables-legacy-restore --noflush" in world.apply("-n").stdout


def without(*programs):
    """A shell in the pod that does not see these; its mounts end with it."""
    hide = " && ".join(f"mount --bind /dev/null {pathlib.Path(shutil.which(program)).resolve()}" for program in programs)
    return ["unshare", "--mount", "sh", "-c", f'{hide} && exec "$@"', "sh"]


def test_nft_where_there_is_no_iptables_and_an_error_where_there_is_neither(world):
    hidden = without("iptables-nft", "iptables-legacy")
    done = world.remoractl("-n", prefix=hidden)
    assert (done.returncode, "nft -f -" in done.stdout) == (0, True), done
    done = world.remoractl(prefix=without("iptables-nft", "iptables-legacy", "nft"))
    assert (done.returncode, done.stderr) == (
        3, "error: neither iptables-restore nor nft is installed (Debian: iptables, or nftables)\n")
    assert not world.held()


@pytest.mark.parametrize("tool", TOOLS)
def test_without_the_capability_it_says_so(world, tool):
    powerless = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"]
    done = world.remoractl(*TOOLS[tool], prefix=powerless)
    assert (done.returncode, done.stderr) == (
        4, "error: changing the network of this pod needs the capability CAP_NET_ADMIN\n")
    dry = world.remoractl("-n", *TOOLS[tool], prefix=powerless)
    assert dry.returncode == 0 and "could not be read, and counts as nothing" in dry.stdout


@pytest.mark.parametrize("flags, message", [
    (["-p", "0"], '--envoy-port: "0" is no number from 1 to 65535'),
    (["-b", "80,x"], '--istio-inbound-ports: "x" is no port and no range of ports'),
    (["-x", "*"], '--istio-service-exclude-cidr: "*" is no network like 10.0.0.0/8 or fd00::/8'),
    (["-m", "NONE"], '--istio-inbound-interception-mode: "NONE" is neither REDIRECT nor TPROXY'),
    (["-c", "eth0 -j DROP"], '--istio-exclude-interfaces: "eth0 -j DROP" is no name of an interface'),
    (["-u", "nobody-of-that-name"], '--proxy-uid: "nobody-of-that-name" is unknown on this machine: give its number'),
    (["-u", ""], "no uid for the proxy: its own connections would be captured"),
    (["--redirect-dns"], "--redirect-dns is not supported: no DNS proxy stands beside the sidecar"),
    (["--native-nftables", "--force-iptables-binary", "nft"],
     "--native-nftables and --force-iptables-binary contradict one another"),
])
def test_wrong_flags_are_named(world, flags, message):
    done = world.remoractl(*flags)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")
    assert not world.held()
