"""A mesh in pods, as a cluster runs it: `remoractl inject` says what each pod is, and we do what kubelet would do.

    with PodMesh(folder) as mesh:                      # a control plane in a pod of its own
        web = mesh.pod("web", ports={"http": 8080})    # rules, sidecar, an identity
        mesh.apply("web.yaml", service("web", {"http": (80, 8080)}, "10.96.0.10"), *workloads(web, http=8080))
        mesh.serve(web, 8080)
        client.fetch("web", 80)
"""

import contextlib
import subprocess

import yaml

from support.interception import apply
from support.mesh import replace
from support.pods import APP_UID, PROXY_UID, Network, PodControlPlane, PodProxy
from support.proxy import bin_dir, under_test
from support.upstream import Upstream
from support.waiting import wait_until

DISCOVERY = "remora-control.istio-system.svc"
TOKEN = "token-that-kubelet-would-have-asked-for"
TOKEN_FOLDER = "/run/secrets/tokens"  # /var/run leads here
ISTIO = "networking.istio.io/v1"
STAND_ALONE = {"sidecar.istio.io/inject": "false"}


def host_of(name, namespace="default"):
    return f"{name}.{namespace}.svc.cluster.local"


def service(name, ports, address="None", namespace="default", **spec):
    """A Kubernetes Service. `ports`: name -> (port, target port); `address`: its own, several of them, or "None"."""
    addresses = [address] if isinstance(address, str) else list(address)
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "selector": {"app": name}, "clusterIP": addresses[0], "clusterIPs": addresses,
        "ports": [{"name": port, "port": number, "targetPort": target} for port, (number, target) in ports.items()], **spec}}


def istio(kind, name, namespace="default", **spec):
    group = "security.istio.io/v1" if kind == "PeerAuthentication" else ISTIO
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def to(host, weight=None, **destination):
    return {"destination": {"host": host, **destination}, **({"weight": weight} if weight is not None else {})}


class Pods:
    """A node on which injected pods run; `close` ends all of it. Subclasses have a control plane: `control`, and `root`, the file by
    which its certificate is known."""

    def __init__(self, families=("v4",)):
        self.families, self.exits = families, contextlib.ExitStack()
        self.network = self.closing(Network())
        self.system = self.network.pod("control")
        self.network.name(DISCOVERY, self.system.v4, self.system.v6)  # of one alone, gRPC asks a name server for the other

    def closing(self, thing):
        self.exits.callback(getattr(thing, "stop", None) or thing.close)
        return thing

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.exits.close()

    def serve(self, pod, port, kind=Upstream, *arguments, families=None, **options):
        """A program of that pod listens, on its address of each family; gives the first."""
        pod = getattr(pod, "pod", pod)
        if kind is Upstream and not arguments:
            arguments = (pod.name,)
        made = []
        for family in families or self.families:
            with pod.entered(APP_UID):
                made.append(self.closing(kind(*arguments, address={"v4": "0.0.0.0", "v6": pod.v6}[family], port=port, **options)))
        return made[0]

    def inject(self, manifest, *arguments):
        """The pod as the admission webhook, or `remoractl inject`, makes it."""
        done = subprocess.run([bin_dir() / "remoractl", "inject", "-f", "-", "--ca-root-file", self.root,
                               "--discovery-address", f"{DISCOVERY}:15012", *arguments],
                              input=yaml.safe_dump(manifest), capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout)


class PodMesh(Pods):
    """A mesh of manifests in a folder, without a cluster. `control_arguments`: more flags of remora-control."""

    def __init__(self, folder, *control_arguments, families=("v4",)):
        super().__init__(families)
        self.folder = folder / "manifests"
        self.folder.mkdir(parents=True)
        try:
            (folder / "tokens").write_text(TOKEN + "\n")
            self.control = self.closing(PodControlPlane(self.system, self.folder, arguments=[
                "--xds-tls-address", "[::]:15012", "--join-token-file", folder / "tokens", *control_arguments]))
            self.root = self.control.ca / "root-cert.pem"
        except BaseException:
            self.exits.close()
            raise

    def apply(self, name, *documents):
        replace(self.folder, name, yaml.safe_dump_all(documents, sort_keys=False))

    def delete(self, name):
        (self.folder / name).unlink()

    @contextlib.contextmanager
    def applied(self, *documents):
        """For the length of a test."""
        self.apply("test.yaml", *documents)
        try:
            yield
        finally:
            self.delete("test.yaml")

    def pod(self, name, ports=(), labels=None, annotations=None, container=None, kind=None, families=None):
        """A pod with a sidecar; `container`: more of the program's container."""
        families = tuple(families or self.families)
        manifest = pod_manifest(name, ports, labels, annotations, container)
        return MeshPod(self, self.inject(manifest, "--address-family", {("v4",): "ipv4", ("v6",): "ipv6"}.get(families, "dual")),
                       TOKEN, kind, families)


def pod_manifest(name, ports=(), labels=None, annotations=None, container=None, account=None):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": name, "namespace": "default", "labels": {"app": name, **(labels or {})}, "annotations": annotations or {}},
        "spec": {"serviceAccountName": account or name, "containers": [{
            "name": "app", "image": "app", "ports": [{"containerPort": port} for port in ports], **(container or {})}]}}


def arguments_about_the_end(arguments):
    pairs = zip(arguments[::2], arguments[1::2])
    return [word for name, value in pairs if "drain" in name for word in (name, value)]


class MeshPod:
    """A pod of an injected manifest, as kubelet runs it: its rules are written, its sidecar runs, what serves in it is up to the test.

    `token`: what proves to the control plane whose pod it is. `kind`: the sidecar is this proxy, "remora" or "envoy".
    `families`: the addresses that the pod has.
    """

    def __init__(self, mesh, manifest, token, kind=None, families=None):
        self.mesh, self.manifest, self.families = mesh, manifest, families or mesh.families
        self.name, self.labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
        self.account = manifest["spec"]["serviceAccountName"]
        self.pod = mesh.network.pod(self.name)
        self.remove_other_families()
        init, sidecar = manifest["spec"]["initContainers"]
        self.write_rules(init)
        self.proxy = self.start_sidecar(sidecar, kind or under_test(), token)

    def remove_other_families(self):
        """A pod of one family has nothing of the other."""
        for family, bits in (("v4", 24), ("v6", 64)):
            if family not in self.families:
                self.pod.ip(f"addr del {getattr(self.pod, family)}/{bits} dev eth0")
        self.mesh.network.name(self.name, *self.addresses())

    def addresses(self):
        return [getattr(self.pod, family) for family in self.families]

    def write_rules(self, container):
        tool, *arguments = container["command"]
        apply(self.pod, bin_dir() / tool, *arguments)

    def start_sidecar(self, container, kind, token):
        apply(self.pod, "mount", "-t", "tmpfs", "none", "/run")
        apply(self.pod, "mkdir", "-p", TOKEN_FOLDER)
        written = self.pod.run("sh", "-c", f"cat > {TOKEN_FOLDER}/istio-token", input=token)
        assert written.returncode == 0, written.stderr
        arguments = container["args"]
        text = self.expand(arguments[arguments.index("--config-yaml") + 1])
        if kind == "envoy":
            text = text.replace(f"%FILE_CONTENT(/var{TOKEN_FOLDER}/istio-token)%", token)  # which it takes in logs only
        config = yaml.safe_load(text)
        if kind == "envoy":
            config["node"]["metadata"]["REMORA_PLAIN_ENVOY"] = True  # It has none of Istio's filters.
        may = container["securityContext"]
        end = [] if kind == "envoy" else arguments_about_the_end(arguments)
        return self.mesh.closing(PodProxy(self.pod, config, *end, kind=kind, uid=may.get("runAsUser", PROXY_UID),
                                          gid=may.get("runAsGroup", PROXY_UID), capabilities=may.get("capabilities", {}).get("add", [])))

    def expand(self, text):
        """The variables of the container, as kubelet fills them in."""
        values = {"POD_NAME": self.name, "POD_NAMESPACE": self.manifest["metadata"]["namespace"], "SERVICE_ACCOUNT": self.account,
                  "INSTANCE_IP": self.addresses()[0], "INSTANCE_IPS": ",".join(self.addresses())}
        for name, value in values.items():
            text = text.replace(f"$({name})", value)
        return text.replace("$$(", "$(")

    # --- what the mesh knows of it --------------------------------------------------------------------------

    def workloads(self, app=None, **ports):
        """WorkloadEntries of all its addresses. `ports`: name -> number."""
        return [istio("WorkloadEntry", f"{self.name}-{family}", address=getattr(self.pod, family), ports=ports, serviceAccount=self.account,
                      labels={**self.labels, "app": app or self.name})
                for family in self.families]

    # --- what its programs do -------------------------------------------------------------------------------

    def fetch(self, host, port, target="/", **options):
        return self.pod.fetch(host, port, target, **options)

    def connect(self, host, port, **options):
        return self.pod.connect(host, port, **options)

    def try_fetch(self, host, port, target="/", **options):
        """None where there is no answer."""
        try:
            return self.fetch(host, port, target, **options)
        except (OSError, AssertionError):
            return None

    def wait_answer(self, host, port, want=200, **options):
        """The first answer that is as wanted: a status, a body, or None, which is none at all."""
        def as_wanted():
            answer = self.try_fetch(host, port, **options)
            if want is None:
                return answer is None and "none"
            return answer is not None and want in (answer.status, answer.body) and answer

        return wait_until(as_wanted, lambda: (
            f"{want!r} from {host}:{port}, got {self.try_fetch(host, port, **options)}; the control plane says {self.mesh.control.findings()}"))


