"""What kubelet and Kubernetes' controllers would write: pods that run, and the endpoints of services."""

MERGE = "application/merge-patch+json"


def run_pod(kubernetes, namespace, name, address, labels, ports=(), account="default", ready=True, annotations=None, addresses=(),
            owners=(), node=None):
    """Makes a pod and says that it runs at `address`. `ports`: {name: number}. One of a `node` is deleted when kubelet says so, another
    one at once. The pod as the API server has it."""
    manifest = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels), "annotations": dict(annotations or {}),
                     "ownerReferences": list(owners)},
        "spec": {"serviceAccountName": account, "containers": [{
            "name": "app", "image": "app",
            "ports": [{"name": port, "containerPort": number} for port, number in dict(ports).items()]}]}}
    if node:
        manifest["spec"]["nodeName"] = node
    pod = kubernetes.request("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
    set_pod_ready(kubernetes, namespace, name, ready, address, addresses)
    return pod


def set_pod_ready(kubernetes, namespace, name, ready, address, addresses=()):
    kubernetes.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": each} for each in (address, *addresses)],
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}, MERGE)


def remove_pod(kubernetes, namespace, name):
    kubernetes.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0")


def endpoint(address, pod=None, ready=True, serving=None, terminating=False, zone=None, node=None):
    """One endpoint of a slice; `pod`: (namespace, name)."""
    entry = {"addresses": [address],
             "conditions": {"ready": ready, "serving": ready if serving is None else serving, "terminating": terminating}}
    if pod:
        entry["targetRef"] = {"kind": "Pod", "namespace": pod[0], "name": pod[1]}
    if zone:
        entry["zone"] = zone
    if node:
        entry["nodeName"] = node
    return entry


def endpoint_slice(namespace, service, ports, endpoints, name=None, family="IPv4"):
    """An EndpointSlice of a service. `ports`: {name: number}, the targets' own ports."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": {"name": name or f"{service}-slice", "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": service,
                                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
            "ports": [{"name": port, "port": number, "protocol": "TCP"} for port, number in dict(ports).items()],
            "endpoints": list(endpoints)}
