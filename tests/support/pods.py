"""Pods as network namespaces: each with its own addresses, names and processes, joined by a bridge.

    network = closing(Network())
    web = network.pod("web")                                    # 10.244.0.2, fd00:10:244::2
    network.name("web.default.svc.cluster.local", "10.96.0.10")  # in /etc/hosts of every pod
    with web.entered(uid=APP_UID):                              # this thread's new sockets are the pod's
        app = Upstream(address=web.v4, port=8080)
    sidecar = closing(PodProxy(web, config))                    # a process, as uid 1337

Nothing of it touches the machine's own network: the bridge stands in a namespace too, and none has a name. A namespace
lives as long as the process that holds it, which ends when this one does, however it does.

A service's address (10.96.0.0/16, fd00:96::/112) has a route and no host: without a kube-proxy, only a sidecar serves it.
"""

import contextlib
import ctypes
import functools
import os
import shutil
import socket
import subprocess
import tempfile

from support.http_client import Client, Wire
from support.mesh import ControlPlane
from support.proxy import Process, Proxy

PROXY_UID = 1337  # as Istio's sidecars run
APP_UID = 1000
CLONE_NEWNET = 0x40000000
TOOLS = ("unshare", "nsenter", "setpriv", "ip")
LIBC = ctypes.CDLL(None, use_errno=True)


@functools.cache
def unavailable():
    """Why this machine gives us no pods; empty where it does."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return f"pods need {', '.join(missing)}"
    if os.geteuid() != 0:
        return "pods need root: processes run in them as several users"
    made = subprocess.run(["unshare", "--net", "--mount", "ip", "link", "add", "name", "br0", "type", "bridge"],
                          capture_output=True, text=True)
    return made.stderr.strip() and f"this machine gives no network namespaces: {made.stderr.strip()}"


class Namespace:
    """A network and a mount namespace, held by a process that ends with us."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", "echo made; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"made\n", "no namespace"
        self.network = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link set lo up")

    def close(self):
        os.close(self.network)
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()

    @contextlib.contextmanager
    def entered(self, uid=0):
        """Within it, sockets and processes that this thread makes, and its new threads, are the namespace's and the
        user's. What they did before stays where it was."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            set_namespace(self.network)
            LIBC.setfsgid(uid)
            LIBC.setfsuid(uid)
            yield self
        finally:
            LIBC.setfsuid(os.geteuid())
            LIBC.setfsgid(os.getegid())
            set_namespace(before)
            os.close(before)

    def ip(self, *lines):
        """Commands of ip(8), a line each."""
        with self.entered():
            done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as setting:
            setting.write(str(value))

    def command(self, words, uid=0, gid=None, capabilities=()):
        """What starts a program here: as that user and group, with these capabilities and that to read any file, gone when
        we are. As root without a group it has all of them."""
        enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        sets = "-all" + "".join(f",+{name.lower()}" for name in ("dac_read_search", *capabilities))
        user = [] if uid == 0 and gid is None else [
            f"--reuid={uid}", f"--regid={uid if gid is None else gid}", "--clear-groups", f"--inh-caps={sets}",
            f"--ambient-caps={sets}", f"--bounding-set={sets}"]
        return [*enter, "--", "setpriv", "--pdeathsig", "KILL", *user, "--", *map(str, words)]

    def run(self, *words, uid=0, **options):
        """Runs a program to its end; the caller looks at the exit code."""
        return subprocess.run(self.command(words, uid), capture_output=True, text=True, timeout=60, **options)


class Pod(Namespace):
    """One address of each family, a default route, and the network's names in its /etc/hosts."""

    def __init__(self, network, name, v4, v6):
        super().__init__()
        self.node, self.name, self.v4, self.v6 = network, name, v4, v6
        for file in ("hosts", "resolv.conf"):
            bound = self.run("mount", "--bind", f"{network.folder}/{file}", f"/etc/{file}")
            assert bound.returncode == 0, bound.stderr

    def connect(self, host, port, uid=APP_UID, timeout=10, source=None):
        """A TCP connection as a program of that user in the pod makes it; `host`: an address or a name."""
        address = self.node.addresses(host)[0]
        with self.entered(uid):
            return socket.create_connection((address, port), timeout, (source, 0) if source else None)

    def fetch(self, host, port, target="/", method="GET", headers=(), body=b"", to=None, **connecting):
        """One request on a connection of its own; `to`: an address other than that of `host`."""
        with PodClient(self.connect(to or host, port, **connecting)) as client:
            return client.request(method, target, headers, body, host)


class PodClient(Client):
    """A client on a connection that is there already."""

    def __init__(self, connection):
        Wire.__init__(self, connection)


class Network(Namespace):
    """The node: a bridge that joins the pods, and another for what is outside of the cluster; it forwards between them."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="remora-test-pods-")
        os.chmod(self.folder, 0o755)
        self.hosts = f"{self.folder}/hosts"
        with open(f"{self.folder}/resolv.conf", "w", encoding="ascii") as resolver:
            resolver.write("nameserver 127.0.0.1\n")  # there is none, and who asks is told at once
        self.members, self.names = [], {"localhost": ["127.0.0.1", "::1"]}
        self.write_names()
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.sysctl(setting, 1)
        for setting in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
            self.sysctl(setting, 0)  # who calls an address without a host learns it every time
        self.bridge("cluster", "10.244.0.1/24", "fd00:10:244::1/64")
        self.bridge("outside", "203.0.113.1/24", "2001:db8:1::1/64")

    def bridge(self, name, *addresses):
        # With an address of its own: else it is that of a port, and changes under the pods when another one comes.
        mac = "02:00:" + ":".join(f"{int(number):02x}" for number in addresses[0].partition("/")[0].split("."))
        self.ip(f"link add {name} address {mac} type bridge mcast_snooping 0", f"link set {name} up",
                *(f"addr add {address} dev {name} nodad" if ":" in address else f"addr add {address} dev {name}"
                  for address in addresses))

    def pod(self, name):
        return self.member(name, "cluster", "10.244.0.", "fd00:10:244::")

    def outside(self, name):
        """A host that is no part of the cluster."""
        return self.member(name, "outside", "203.0.113.", "2001:db8:1::")

    def member(self, name, bridge, v4, v6):
        number = len(self.members) + 2
        pod = Pod(self, name, f"{v4}{number}", f"{v6}{number:x}")
        self.members.append(pod)
        self.ip(f"link add port{number} type veth peer name eth0 netns {pod.holder.pid}",
                f"link set port{number} master {bridge} up")
        pod.sysctl("ipv6/conf/eth0/accept_dad", 0)
        pod.ip(f"addr add {pod.v4}/24 dev eth0", f"addr add {pod.v6}/64 dev eth0 nodad", "link set eth0 up",
               f"route add default via {v4}1", f"route add ::/0 via {v6}1")
        self.name(name, pod.v4, pod.v6)
        return pod

    def name(self, host, *addresses):
        """What a name means in all pods, from now on; the first address is what `connect` takes."""
        self.names[host] = list(addresses)
        self.write_names()

    def write_names(self):
        with open(self.hosts, "w", encoding="ascii") as hosts:  # in place: the pods have this very file
            hosts.writelines(f"{address} {host}\n" for host, addresses in self.names.items() for address in addresses)

    def addresses(self, host):
        return self.names.get(host, [host])

    def close(self):
        for member in self.members:
            member.close()
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def set_namespace(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class PodProcess(Process):
    """A process of a pod, with a directory that is its own."""

    def __init__(self, pod, name, command, uid=APP_UID, directory=None, environment=None):
        self.pod, self.uid = pod, uid
        Process.__init__(self, name, command, directory, environment)

    gid, capabilities = None, ()

    def launch(self, command, **options):
        for folder, _, files in os.walk(self.directory):
            for path in (folder, *(os.path.join(folder, file) for file in files)):
                os.chown(path, self.uid, self.uid)
        # The way into another mount namespace leads to its root.
        return super().launch(self.pod.command(["env", "--chdir", self.directory, *command], self.uid, self.gid, self.capabilities),
                              **options)


class PodProxy(PodProcess, Proxy):
    """A sidecar."""

    def __init__(self, pod, config, *arguments, uid=PROXY_UID, gid=None, capabilities=(), **options):
        self.pod, self.uid, self.gid, self.capabilities = pod, uid, gid, capabilities
        Proxy.__init__(self, config, *arguments, **options)

    def admin(self, *arguments, **options):
        with self.pod.entered():
            return super().admin(*arguments, **options)


class PodControlPlane(PodProcess, ControlPlane):
    """`remora-control`, as root: its files lie in folders of the test."""

    def __init__(self, pod, folder, **options):
        self.pod, self.uid = pod, 0
        ControlPlane.__init__(self, folder, **options)

    def admin(self, *arguments, **options):
        with self.pod.entered():
            return super().admin(*arguments, **options)
