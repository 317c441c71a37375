"""kubectl's own verbs, with a stock kubectl, against the resource API of remora-control."""

import json
import re
import subprocess

import pytest

from support.kubectl import Kubectl, as_yaml
from support.mesh import ControlPlane, service

AGE = re.compile(r"\d+[smh](\d+s)?")


def virtual_service(name, hosts=("api",), **route):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name},
            "spec": {"hosts": list(hosts), "http": [{"route": [{"destination": {"host": "api"}, **route}]}]}}


def deployment(name, image="api:1"):
    labels = {"app": "api", "version": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{"name": "api", "image": image}]}}}}


CANARY = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "podinfo"},
          "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}, "service": {"port": 9898},
                   "analysis": {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10}, "suspend": True}}


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kubectl") / "config"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(as_yaml(service("from-a-file", 8080)))
    with ControlPlane(folder) as control:
        yield control


@pytest.fixture(scope="module")
def anywhere(control, tmp_path_factory):
    return Kubectl(tmp_path_factory.mktemp("home"), f"127.0.0.1:{control.api_port}")


@pytest.fixture
def kubectl(anywhere, request):
    """kubectl in a namespace of the test's own, which nobody has created."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].rstrip("-")
    anywhere("config", "set-context", "--current", f"--namespace={name}")
    anywhere.namespace = name
    return anywhere


class TestApply:
    def test_creates_changes_and_leaves_alone(self, kubectl):
        assert kubectl.apply(virtual_service("a")) == "virtualservice.networking.istio.io/a created\n"
        assert kubectl.apply(virtual_service("a")) == "virtualservice.networking.istio.io/a unchanged\n"
        assert kubectl.apply(virtual_service("a", ["b"])) == "virtualservice.networking.istio.io/a configured\n"
        found = kubectl.get("vs", "a")
        assert found["spec"]["hosts"] == ["b"] and found["metadata"]["generation"] == 2

    def test_takes_fields_away_that_it_had_set(self, kubectl):
        kubectl.apply(virtual_service("a", weight=100))
        kubectl.apply(virtual_service("a"))
        assert kubectl.get("vs", "a")["spec"]["http"][0]["route"] == [{"destination": {"host": "api"}}]

    def test_several_objects_and_older_versions(self, kubectl):
        older = {**virtual_service("a"), "apiVersion": "networking.istio.io/v1beta1"}
        out = kubectl.apply(older, service("api", 80), deployment("v1"), CANARY)
        assert out.split("\n")[:4] == ["virtualservice.networking.istio.io/a created", "service/api created",
                                       "deployment.apps/v1 created", "canary.flagger.app/podinfo created"]
        assert kubectl.apply(older) == "virtualservice.networking.istio.io/a unchanged\n"
        assert kubectl.get("vs", "a")["apiVersion"] == "networking.istio.io/v1", "kubectl asks for the preferred version"

    def test_server_side_names_who_owns_what(self, kubectl):
        first = kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=virtual_service("a"))
        assert first == "virtualservice.networking.istio.io/a serverside-applied\n"
        other = virtual_service("a", ["b"])
        refused = kubectl.fails("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=other)
        assert refused.startswith('error: Apply failed with 1 conflict: conflict with "one": .spec.hosts'), refused
        kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", stdin=other)
        managers = kubectl("get", "vs", "a", "-o", "jsonpath={.metadata.managedFields[*].manager}", "--show-managed-fields")
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["b"] and sorted(managers.split()) == ["one", "two"]

    def test_from_client_side_to_server_side(self, kubectl):
        kubectl.apply(virtual_service("a"))
        kubectl("apply", "--server-side", "-f", "-", stdin=virtual_service("a", ["c"]))
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["c"]

    def test_dry_run_and_diff_change_nothing(self, kubectl):
        kubectl.apply(virtual_service("a"))
        other = virtual_service("a", ["b"])
        assert "configured (server dry run)" in kubectl("apply", "--dry-run=server", "-f", "-", stdin=other)
        for options in [], ["--server-side", "--force-conflicts"]:
            differs = kubectl.run("diff", *options, "-f", "-", stdin=other)
            assert differs.returncode == 1 and re.search(r"^-  - api\n\+  - b$", differs.stdout, re.M), differs
        assert kubectl.run("diff", "-f", "-", stdin=virtual_service("a")).returncode == 0
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["api"]

    def test_prune_removes_what_is_left_out(self, kubectl):
        labelled = [{**virtual_service(name), "metadata": {"name": name, "labels": {"set": "x"}}} for name in ("a", "b")]
        kubectl.apply(*labelled)
        out = kubectl("apply", "--prune", "-l", "set=x", "--prune-allowlist=networking.istio.io/v1/VirtualService",
                      "-f", "-", stdin=labelled[0])
        assert "virtualservice.networking.istio.io/b pruned" in out
        assert kubectl("get", "vs", "-o", "name") == "virtualservice.networking.istio.io/a\n"


class TestTables:
    """Columns and cells as a cluster with Istio's and Flagger's definitions prints them."""

    def rows(self, kubectl, *arguments):
        header, *rows = kubectl.table(*arguments)
        for row in rows:
            for name, cell in zip(header, row):
                assert name != "AGE" or AGE.fullmatch(cell), (name, cell)
        return [header] + [["AGE" if name == "AGE" else cell for name, cell in zip(header, row)] for row in rows]

    def test_virtual_service(self, kubectl):
        spec = virtual_service("a", ["api", "b.example"])
        spec["spec"]["gateways"] = ["mesh"]
        kubectl.apply(spec)
        assert self.rows(kubectl, "vs") == [["NAME", "GATEWAYS", "HOSTS", "AGE"],
                                            ["a", '["mesh"]', '["api","b.example"]', "AGE"]]

    def test_destination_rule_service_entry_workload_entry(self, kubectl):
        group = {"apiVersion": "networking.istio.io/v1"}
        kubectl.apply({**group, "kind": "DestinationRule", "metadata": {"name": "a"}, "spec": {"host": "api"}},
                      {**group, "kind": "ServiceEntry", "metadata": {"name": "b"}, "spec": {
                          "hosts": ["b.example"], "location": "MESH_EXTERNAL", "resolution": "STATIC",
                          "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}], "endpoints": [{"address": "10.9.9.9"}]}},
                      {**group, "kind": "WorkloadEntry", "metadata": {"name": "c"}, "spec": {
                          "address": "10.9.9.8", "labels": {"app": "nobody"}}})
        assert self.rows(kubectl, "dr") == [["NAME", "HOST", "AGE"], ["a", "api", "AGE"]]
        assert self.rows(kubectl, "se") == [["NAME", "HOSTS", "LOCATION", "RESOLUTION", "AGE"],
                                            ["b", '["b.example"]', "MESH_EXTERNAL", "STATIC", "AGE"]]
        assert self.rows(kubectl, "we") == [["NAME", "AGE", "ADDRESS"], ["c", "AGE", "10.9.9.8"]]

    def test_canary(self, kubectl):
        kubectl.apply(CANARY)
        kubectl("patch", "canary", "podinfo", "--subresource=status", "--type=merge", "-p", json.dumps({"status": {
            "phase": "Progressing", "canaryWeight": 20, "failedChecks": 1, "lastTransitionTime": "2026-11-21T06:00:00Z"}}))
        assert self.rows(kubectl, "canaries") == [["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"],
                                                  ["podinfo", "Progressing", "20", "2026-11-21T06:00:00Z"]]
        assert self.rows(kubectl, "canary", "-o", "wide") == [
            ["NAME", "STATUS", "WEIGHT", "SUSPENDED", "FAILEDCHECKS", "INTERVAL", "MIRROR", "STEPWEIGHT", "STEPWEIGHTS",
             "MAXWEIGHT", "LASTTRANSITIONTIME"],
            ["podinfo", "Progressing", "20", "true", "1", "1m", "", "10", "", "50", "2026-11-21T06:00:00Z"]]

    def test_kubernetes_own_kinds(self, kubectl):
        kubectl.apply(service("api", 80), deployment("v1"))
        assert self.rows(kubectl, "svc") == [["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"],
                                             ["api", "ClusterIP", "<none>", "<none>", "80/TCP", "AGE"]]
        assert self.rows(kubectl, "svc", "-o", "wide")[1][-1] == "app=api"
        assert self.rows(kubectl, "deploy", "-o", "wide") == [
            ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"],
            ["v1", "0/2", "0", "0", "AGE", "api", "api:1", "app=api,version=v1"]]
        assert kubectl("get", "all", "-o", "name").split() == ["service/api", "deployment.apps/v1"]

    def test_all_namespaces_labels_and_sorting(self, kubectl):
        kubectl.apply(virtual_service("b"), virtual_service("a"))
        kubectl("label", "vs", "a", "tier=front")
        assert [kubectl.namespace, "a"] in [row[:2] for row in kubectl.table("vs", "-A")]
        assert self.rows(kubectl, "vs", "--show-labels")[1][-1] == "tier=front"
        assert self.rows(kubectl, "vs", "-L", "tier")[2][-1] == ""
        assert kubectl("get", "vs", "-l", "tier in (front)", "-o", "name") == "virtualservice.networking.istio.io/a\n"
        assert kubectl("get", "vs", "--field-selector=metadata.name=b", "-o", "name").endswith("/b\n")
        assert kubectl("get", "vs", "--no-headers", "--sort-by=.metadata.name").split()[0] == "a"

    def test_pages(self, kubectl):
        kubectl.apply(*(virtual_service(f"n{number}") for number in range(7)))
        assert len(kubectl.table("vs", "--chunk-size=2")) == 8


class TestOutputs:
    def test_yaml_json_name_and_paths(self, kubectl):
        kubectl.apply(virtual_service("a"))
        text = kubectl("get", "vs", "a", "-o", "yaml")
        assert text.startswith("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n"), text
        assert "  http:\n  - route:\n    - destination:\n        host: api\n" in text
        assert kubectl("get", "vs", "a", "-o", "jsonpath={.spec.hosts[0]}") == "api"
        assert kubectl.table("vs", "-o", "custom-columns=N:.metadata.name,H:.spec.hosts") == [["N", "H"], ["a", "[api]"]]

    def test_what_was_read_can_be_replaced(self, kubectl):
        kubectl.apply(virtual_service("a"))
        read = kubectl.get("vs", "a")
        read["spec"]["hosts"] = ["b"]
        assert kubectl("replace", "-f", "-", stdin=json.dumps(read)) == "virtualservice.networking.istio.io/a replaced\n"
        stale = kubectl.fails("replace", "-f", "-", stdin=json.dumps(read))
        assert 'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on ' \
               'virtualservices.networking.istio.io "a": ' in stale, stale

    def test_describe(self, kubectl):
        kubectl.apply(virtual_service("a"), service("api", 80), deployment("v1"))
        assert re.search(r"Name: +a\nNamespace: +\S+\n(.*\n)*Spec:\n  Hosts:\n    api\n", kubectl("describe", "vs", "a"))
        assert re.search(r"Port: +http +80/", kubectl("describe", "svc", "api"))
        assert re.search(r"Replicas: +2 desired", kubectl("describe", "deploy", "v1"))

    def test_explain(self, kubectl):
        text = kubectl("explain", "virtualservice.spec.http.route")
        assert "KIND:       VirtualService" in text and re.search(r"destination\s+<\w+> -required-", text), text
        assert "FIELD: stepWeight <integer>" in kubectl("explain", "canary.spec.analysis.stepWeight")
        assert "FIELDS:" in kubectl("explain", "deployment.spec", "--recursive")

    def test_what_there_is(self, kubectl):
        resources = kubectl("api-resources", "--no-headers")
        assert re.search(r"^virtualservices +vs +networking.istio.io/v1 +true +VirtualService", resources, re.M)
        assert "flagger.app/v1beta1\n" in kubectl("api-versions")
        assert "Server Version: v1." in kubectl("version")


class TestChanges:
    def test_edit(self, kubectl):
        kubectl.apply(virtual_service("a"))
        editor = kubectl.home / "editor"
        editor.write_text("#!/bin/sh\nexec sed -i 's/^  - api$/  - edited.example/' \"$1\"\n")
        editor.chmod(0o755)
        assert kubectl("edit", "vs", "a", KUBE_EDITOR=str(editor)) == "virtualservice.networking.istio.io/a edited\n"
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["edited.example"]

    def test_an_edit_that_is_invalid_comes_back_with_the_reason(self, kubectl):
        kubectl.apply(virtual_service("a"))
        editor = kubectl.home / "bad-editor"
        seen = kubectl.home / "seen"
        editor.write_text(f"#!/bin/sh\ncat \"$1\" >>{seen}\nsed -i 's/^  - api$/  - 5/' \"$1\"\n")
        editor.chmod(0o755)
        kubectl.fails("edit", "vs", "a", KUBE_EDITOR=str(editor))
        assert '# virtualservices.networking.istio.io "a" was not valid:\n# * spec.hosts[0]: Invalid value:' in seen.read_text()

    def test_patches(self, kubectl):
        kubectl.apply(virtual_service("a"), service("api", 80), deployment("v1"))
        kubectl("patch", "vs", "a", "--type=merge", "-p", '{"spec": {"hosts": ["m"]}}')
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["m"]
        kubectl("patch", "vs", "a", "--type=json", "-p", '[{"op": "add", "path": "/spec/hosts/-", "value": "j"}]')
        assert kubectl.get("vs", "a")["spec"]["hosts"] == ["m", "j"]
        kubectl("patch", "svc", "api", "-p", '{"spec": {"ports": [{"port": 81, "name": "http-more"}]}}')
        assert sorted(port["port"] for port in kubectl.get("svc", "api")["spec"]["ports"]) == [80, 81]
        kubectl("patch", "deploy", "v1", "-p",
                '{"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "api:2"}]}}}}')
        kubectl("set", "env", "deploy/v1", "MODE=test")
        container = kubectl.get("deploy", "v1")["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "api:2" and container["env"] == [{"name": "MODE", "value": "test"}]
        refused = kubectl.fails("patch", "vs", "a", "--type=strategic", "-p", "{}")
        assert "application/strategic-merge-patch+json is not supported by networking.istio.io/v1" in refused, refused

    def test_label_and_annotate(self, kubectl):
        kubectl.apply(virtual_service("a"))
        assert kubectl("label", "vs", "a", "x=y") == "virtualservice.networking.istio.io/a labeled\n"
        assert kubectl("annotate", "vs", "a", "note=n") == "virtualservice.networking.istio.io/a annotated\n"
        kubectl("label", "vs", "a", "x-")
        metadata = kubectl.get("vs", "a")["metadata"]
        assert "labels" not in metadata and metadata["annotations"]["note"] == "n" and metadata["generation"] == 1

    def test_delete(self, kubectl):
        kubectl.apply(virtual_service("a"), virtual_service("b"), service("api", 80))
        assert kubectl("delete", "vs", "a").startswith('virtualservice.networking.istio.io "a" deleted')
        kubectl("delete", "vs,svc", "--all", "--cascade=foreground")
        assert kubectl.run("get", "vs,svc").stderr == f"No resources found in {kubectl.namespace} namespace.\n"

    def test_objects_from_the_command_line(self, kubectl):
        """Where kubectl makes the object itself it sends protobuf."""
        kubectl("create", "configmap", "a", "--from-literal=k=v")
        kubectl("create", "secret", "generic", "b", "--from-literal=token=t", "--dry-run=server")
        kubectl("create", "secret", "generic", "b", "--from-literal=token=t")
        kubectl("create", "service", "clusterip", "c", "--tcp=80:8080")
        kubectl("create", "deployment", "d", "--image=api:1", "--port=8080", "--replicas=0")
        assert kubectl.get("cm", "a")["data"] == {"k": "v"}
        assert kubectl("get", "secret", "b", "-o", "go-template={{.data.token | base64decode}}") == "t"
        assert kubectl.get("svc", "c")["spec"]["ports"][0]["targetPort"] == 8080
        made = kubectl.get("deploy", "d")["spec"]
        assert made["replicas"] == 0 and made["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 8080}]
        assert 'configmaps "a" already exists' in kubectl.fails("create", "configmap", "a")

    def test_namespaces(self, kubectl):
        kubectl("create", "namespace", "made")
        kubectl("label", "ns", "default", "istio-injection=enabled")
        kubectl("apply", "-n", "made", "-f", "-", stdin=virtual_service("a"))
        assert "made Active" in re.sub(" +", " ", kubectl("get", "ns"))
        kubectl("delete", "ns", "made")
        assert "made" not in kubectl("get", "ns", "-o", "name") + kubectl("get", "vs", "-A")


class TestWaiting:
    def test_get_watch(self, kubectl):
        kubectl.apply(virtual_service("a"))
        watch = kubectl.start("get", "vs", "-w", "--output-watch-events")
        try:
            assert watch.stdout.readline().split() == ["EVENT", "NAME", "GATEWAYS", "HOSTS", "AGE"]
            assert watch.stdout.readline().split()[:3] == ["ADDED", "a", '["api"]']
            kubectl.apply(virtual_service("a", ["b"]))
            kubectl("delete", "vs", "a")
            # The mesh may write what it finds into the status in between: a further event.
            events = []
            while not events or events[-1][0] != "DELETED":
                events.append(watch.stdout.readline().split()[:3])
            assert events[0] == ["MODIFIED", "a", '["b"]'] and events[-1] == ["DELETED", "a", '["b"]'], events
            assert {event[0] for event in events[:-1]} == {"MODIFIED"}, events
        finally:
            watch.terminate()
            watch.communicate()

    def test_wait(self, kubectl):
        kubectl.apply(CANARY)
        waiting = kubectl.start("wait", "--for=jsonpath={.status.phase}=Succeeded", "canary/podinfo", "--timeout=20s")
        kubectl("patch", "canary", "podinfo", "--subresource=status", "--type=merge", "-p", '{"status": {"phase": "Succeeded"}}')
        assert waiting.communicate(timeout=30)[0] == "canary.flagger.app/podinfo condition met\n"
        waiting = kubectl.start("wait", "--for=delete", "canary/podinfo", "--timeout=20s")
        kubectl("delete", "canary", "podinfo")
        assert waiting.wait(30) == 0, waiting.communicate()

    def test_rollout_status(self, kubectl):
        kubectl.apply(deployment("v1"))
        rollout = kubectl.start("rollout", "status", "deploy/v1", "--timeout=20s")
        kubectl("patch", "deploy", "v1", "--subresource=status", "-p", json.dumps({"status": {
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}}))
        assert 'deployment "v1" successfully rolled out' in rollout.communicate(timeout=30)[0]
        assert kubectl.table("deploy")[1][:4] == ["v1", "2/2", "2", "2"]


class TestRefusals:
    """What kubectl prints of our refusals, word for word where Kubernetes has fixed words."""

    def test_unknown_fields(self, kubectl):
        refused = kubectl.fails("apply", "-f", "-", stdin=virtual_service("a", wait=90))
        assert refused == ('Error from server (BadRequest): error when creating "STDIN": VirtualService in version "v1" cannot '
                           'be handled as a VirtualService: strict decoding error: unknown field "spec.http[0].route[0].wait"')
        warned = kubectl.run("apply", "--validate=warn", "-f", "-", stdin=virtual_service("a", wait=90))
        assert warned.returncode == 0 and 'Warning: unknown field "spec.http[0].route[0].wait"' in warned.stderr
        assert "wait" not in kubectl.get("vs", "a")["spec"]["http"][0]["route"][0]

    def test_values_of_a_wrong_type(self, kubectl):
        refused = kubectl.fails("apply", "-f", "-", stdin=virtual_service("a", weight="ninety"))
        assert refused == ('The VirtualService "a" is invalid: spec.http[0].route[0].weight: Invalid value: "string": '
                           'spec.http[0].route[0].weight in body must be of type integer: "string"'), refused

    def test_what_the_mesh_does_not_accept(self, kubectl):
        refused = kubectl.fails("apply", "-f", "-", stdin=virtual_service("a", weight=-4))
        assert refused.startswith('The VirtualService "a" is invalid: spec.http[0].route[0].weight: Invalid value: -4: '), refused
        twice = virtual_service("a")
        twice["spec"]["http"][0].update(timeout="soon", retries={"attempts": -1})
        refused = kubectl.fails("apply", "-f", "-", stdin=twice)
        assert re.fullmatch(r'The VirtualService "a" is invalid: \n'
                            r'\* spec\.http\[0\]\.\S+: Invalid value: .*\n'
                            r'\* spec\.http\[0\]\.\S+: Invalid value: .*', refused), refused

    def test_names(self, kubectl):
        refused = kubectl.fails("apply", "-f", "-", stdin=virtual_service("Bad_Name"))
        assert refused.startswith('The VirtualService "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": '), refused

    def test_what_is_there_and_what_is_not(self, kubectl):
        kubectl("create", "-f", "-", stdin=virtual_service("a"))
        assert kubectl.fails("create", "-f", "-", stdin=virtual_service("a")) == (
            'Error from server (AlreadyExists): error when creating "STDIN": virtualservices.networking.istio.io "a" already exists')
        assert kubectl.fails("get", "vs", "b") == (
            'Error from server (NotFound): virtualservices.networking.istio.io "b" not found')
        assert kubectl.fails("get", "pods") == 'error: the server doesn\'t have a resource type "pods"'

    def test_objects_of_files(self, kubectl):
        assert kubectl("get", "svc", "from-a-file", "-n", "default", "-o", "jsonpath={.spec.ports[0].port}") == "8080"
        for command in ["label", "svc", "from-a-file", "a=b"], ["delete", "svc", "from-a-file"]:
            refused = kubectl.fails(*command, "-n", "default")
            assert refused.startswith('Error from server (Forbidden): services "from-a-file" is forbidden: '), refused
            assert "mesh.yaml" in refused, refused

    def test_warnings(self, kubectl):
        plain = service("a", 80)
        del plain["spec"]["ports"][0]["name"]
        done = kubectl.run("apply", "-f", "-", stdin=plain)
        assert done.returncode == 0 and done.stderr.startswith("Warning: spec.ports[0]: "), done


def certificates(folder):
    """An authority, and a server's and a client's certificate signed by it, as PEM files."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    def key(name):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")

    key("ca")
    openssl("req", "-x509", "-key", "ca.key", "-out", "ca.pem", "-days", 2, "-subj", "/CN=ca")
    for name, use in ("server", "serverAuth"), ("client", "clientAuth"):
        key(name)
        (folder / f"{name}.ext").write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={use}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class TestAccess:
    def test_tokens_and_client_certificates_over_tls(self, tmp_path, closing):
        certificates(tmp_path)
        (tmp_path / "config").mkdir()
        (tmp_path / "tokens").write_text("a-token-of-ours\n")
        control = closing(ControlPlane(tmp_path / "config", arguments=[
            "--api-token-file", tmp_path / "tokens", "--api-cert-file", tmp_path / "server.pem",
            "--api-key-file", tmp_path / "server.key", "--api-client-ca-file", tmp_path / "ca.pem"]))
        api = f"https://127.0.0.1:{control.api_port}"
        tls = ["--ca", tmp_path / "ca.pem"]
        by_token = Kubectl(tmp_path / "token", api, *tls, "--token-file", tmp_path / "tokens")
        by_certificate = Kubectl(tmp_path / "certificate", api, *tls, "--client-certificate", tmp_path / "client.pem",
                                 "--client-key", tmp_path / "client.key")
        by_token.apply(virtual_service("a"))
        assert by_certificate.get("vs", "a")["spec"]["hosts"] == ["api"]
        (tmp_path / "tokens").write_text("another-token\n")
        assert by_token.fails("get", "vs").startswith(
            "error: You must be logged in to the server (the server has asked for the client to provide credentials")

    def test_nothing_is_open_by_default(self, tmp_path):
        (tmp_path / "config").mkdir()
        with pytest.raises(AssertionError, match="nothing is open by default"):
            ControlPlane(tmp_path / "config", arguments=["--api-address", "0.0.0.0:0"])


def test_a_restart_keeps_objects_and_watches_begin_anew(tmp_path, closing):
    (tmp_path / "config").mkdir()
    first = closing(ControlPlane(tmp_path / "config"))
    kubectl = Kubectl(tmp_path / "home", f"127.0.0.1:{first.api_port}")
    kubectl.apply(virtual_service("a"))
    before = kubectl.get("vs", "a")
    first.kill()
    second = closing(ControlPlane(tmp_path / "config"))
    kubectl = Kubectl(tmp_path / "home", f"127.0.0.1:{second.api_port}")
    assert kubectl.get("vs", "a") == before
    gone = json.loads(kubectl("get", "--raw", "/apis/networking.istio.io/v1/virtualservices?watch=1&resourceVersion=1"))
    assert gone["type"] == "ERROR" and gone["object"]["code"] == 410
