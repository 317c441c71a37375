"""docker/kubernetes in an API server, and `remora-control` as its Deployment's pod has it: image, user, arguments, token, rights."""

import json
import os

from support.cluster_parts import endpoint, endpoint_slice
from support.cluster_rollout import ClusterRollout
from support.http_client import fetch
from support.image import Image
from support.kubernetes import KubernetesApi
from support.proxy import ROOT, Process
from support.waiting import wait_until

MANIFESTS = ROOT / "docker" / "kubernetes"
NAMESPACE = "istio-system"
NAME = "remora-control"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{NAME}"
ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
ADDRESS = "10.244.0.9"  # the pod's: where API servers look for the webhook

# What the control plane asks the API server, and what it is answered.
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
                "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}]}


def audited_api(folder):
    """An API server that writes down what remora-control asks, and finds webhooks by the endpoints of their services. As in OpenShift,
    who lets an object wait for its owner must have a right to that owner's finalizers."""
    (folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    return KubernetesApi("--audit-policy-file", folder / "audit-policy.json", "--audit-log-path", folder / "audit.log",
                         "--enable-aggregator-routing=true", "--enable-admission-plugins", "OwnerReferencesPermissionEnforcement")


def calls(folder):
    """What was asked, an event each, as the API server's audit log has it."""
    return [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]


class Installed(ClusterRollout):
    """As `ClusterRollout`, with the control plane of the manifests."""

    def __init__(self, folder, kubernetes, closing, life):  # pylint: disable=super-init-not-called
        self.kubernetes, self.folder, self.life = kubernetes, folder, life
        kubernetes.kubectl("apply", "--server-side", "--validate=strict", "-k", MANIFESTS)
        self.deployment = kubernetes.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}")
        self.pod = self.deployment["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.built = Image(folder)
        self.control = closing(Process("installed", self.built.command(
            [*self.container["command"], *self.container["args"]], user=self._user(), mounts=self._mounts(), environment=self._environment())))
        self._become_endpoint()

    def _user(self):
        rights = self.pod["securityContext"]
        return f"{rights['runAsUser']}:{rights['runAsGroup']}"

    def _environment(self):
        """As kubelet fills it in."""
        fields = {"metadata.name": f"{NAME}-0", "metadata.namespace": NAMESPACE, "status.podIP": ADDRESS}
        given = {each["name"]: fields[each["valueFrom"]["fieldRef"]["fieldPath"]] for each in self.container.get("env", [])}
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": self.kubernetes.port, **given}

    def _mounts(self):
        """The service account's folder, and the ConfigMaps that the pod names, as kubelet lays them out."""
        token = self.kubernetes.token(NAMESPACE, self.pod["serviceAccountName"], "https://kubernetes.default.svc")
        mounts = {ACCOUNT_FOLDER: self._lay_out("account", {
            "token": token, "namespace": NAMESPACE, "ca.crt": self.kubernetes.authority.certificate.read_text()})}
        volumes = {volume["name"]: volume["configMap"]["name"] for volume in self.pod.get("volumes", [])}
        for mount in self.container.get("volumeMounts", []):
            config = self.kubernetes.request("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/{volumes[mount['name']]}")
            mounts[mount["mountPath"]] = self._lay_out(mount["name"], config["data"])
        return mounts

    def _lay_out(self, name, files):
        folder = self.folder / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        for path in (folder, *folder.iterdir()):
            os.chmod(path, 0o755)
        return folder

    def _become_endpoint(self):
        """What the endpoints' controller does of a pod that is ready: a port each, those of the Service by their names."""
        numbers = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        service = self.kubernetes.request("GET", f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}")
        ports = {port["name"]: numbers[port["targetPort"]] for port in service["spec"]["ports"]}
        self.kubernetes.request("POST", f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices",
                                endpoint_slice(NAMESPACE, NAME, ports, [endpoint(ADDRESS)]))

    def probe(self, kind):
        """The status that kubelet's probe gets."""
        wanted = self.container[kind]["httpGet"]
        port = next(each["containerPort"] for each in self.container["ports"] if each["name"] == wanted["port"])
        try:
            return fetch(port, wanted["path"], headers={"connection": "close"}, host=ADDRESS).status
        except OSError:
            return None

    def admin(self, target):
        return fetch(15014, target, headers={"connection": "close"}, host=ADDRESS)

    def wait_ready(self):
        wait_until(lambda: not self.control.running or self.probe("readinessProbe") == 200, lambda: f"ready:\n{self.control.tail()}", 60)
        assert self.control.running, self.control.tail()
        return self
