"""What kubelet and Prometheus ask a sidecar about its application: whether it would accept a connection, and its metrics."""

import socket
import subprocess

import pytest
import yaml

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.mesh import ControlPlane
from support.proxy import Proxy, bin_dir
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("in Istio the agent beside Envoy answers these")

METRICS = "# TYPE orders_total counter\norders_total 42"
TEXT = {"content-type": "text/plain; version=0.0.4"}


@pytest.fixture
def proxy(start):
    return start(bootstrap([http_listener(route(to="up"))], [cluster("up", 1)]))


def connect(proxy, port, host="127.0.0.1", **more):
    further = "".join(f"&{name}={value}" for name, value in more.items())
    return proxy.admin(f"/application/connect?host={host}&port={port}{further}")


def metrics(proxy, port, **more):
    further = "".join(f"&{name}={value}" for name, value in more.items())
    return proxy.admin(f"/application/metrics?host=127.0.0.1&port={port}{further}")


def test_connect_says_whether_the_application_accepts(proxy, closing):
    application = closing(Upstream())
    response = connect(proxy, application.port, source="127.0.0.6", timeout_ms=2000)
    assert (response.status, response.text) == (200, "connected\n")
    response = connect(proxy, unused_port())
    assert (response.status, response.text) == (503, "Connection refused\n")
    assert not application.requests, "nothing is said to it"


def test_one_that_accepts_nothing_more_is_given_up_after_the_time(proxy):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):  # until the kernel takes no more for it
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(("127.0.0.1", port))
            response = connect(proxy, port, timeout_ms=200)
        finally:
            for each in waiting:
                each.close()
    assert (response.status, response.text) == (503, "The socket was closed due to a timeout\n")


@pytest.mark.parametrize("asked, why", [
    ("host=192.0.2.1&port=80", "host: 192.0.2.1 is no address of this machine"), ("host=elsewhere&port=80", 'host: "elsewhere" is no IP address'),
    ("port=80", 'host: "" is no IP address'), ("host=127.0.0.1&port=0", 'port: "0" is none'), ("host=127.0.0.1&port=http", 'port: "http" is none'),
    ("host=127.0.0.1&port=80&source=me", 'source: "me" is no IP address')])
def test_nobody_else_is_asked(proxy, asked, why):
    """What a proxy connects to is not intercepted: it must not be everybody's way around the mesh."""
    assert (response := proxy.admin("/application/connect?" + asked)).status == 503 and response.text == why + "\n"


def test_metrics_of_both_in_one_answer(proxy, closing):
    application = closing(Upstream(answer=lambda request: reply(200, TEXT, METRICS)))
    response = metrics(proxy, application.port, path="/m%3Fa=b", source="127.0.0.6")
    lines = response.text.splitlines()
    assert response.status == 200 and application.last.target == "/m?a=b" and "text/plain" in application.last.get("accept")
    assert "orders_total 42" in lines and "remora_application_scrape_success 1" in lines
    assert any(line.startswith("envoy_server_live") for line in lines)


@pytest.mark.parametrize("answer, why", [
    (lambda request: reply(500, TEXT, "broken"), "its answer is 500"),
    (lambda request: reply(200, {"content-type": "application/openmetrics-text; version=1.0.0"}, METRICS + "\n# EOF\n"),
     "its metrics are application/openmetrics-text; version=1.0.0, not text/plain;version=0.0.4")])
def test_what_cannot_be_merged_is_left_out_by_name(proxy, closing, answer, why):
    text = metrics(proxy, closing(Upstream(answer=answer)).port).text
    assert f"# the application's metrics are missing: {why}\n" in text
    assert "remora_application_scrape_success 0\n" in text and "envoy_server_live" in text and "orders_total" not in text


def test_metrics_without_the_application(proxy):
    text = metrics(proxy, unused_port()).text
    assert "# the application's metrics are missing: Connection refused\n" in text and "envoy_server_live" in text


KNOWN_TO_KUBELET = {"INSTANCE_IP": "127.0.0.1", "INSTANCE_IPS": "127.0.0.1", "POD_NAME": "web", "POD_NAMESPACE": "default",
                    "SERVICE_ACCOUNT": "default"}


class Injected:
    """The sidecar of an injected pod, as a process here: on free ports, and where kubelet would put in what it knows."""

    def __init__(self, folder, closing, application):
        (folder / "mesh").mkdir()
        control = closing(ControlPlane(folder / "mesh"))
        self.pod = yaml.safe_load(subprocess.run(
            [bin_dir() / "remoractl", "inject", "-f", "-", "--plain-text", "--discovery-address", f"127.0.0.1:{control.xds_port}"],
            input=yaml.safe_dump(pod(application.port)), check=True, capture_output=True, text=True, timeout=30).stdout)
        self.sidecar = self.pod["spec"]["initContainers"][-1]
        arguments = self.sidecar["args"]
        text = arguments[1]
        for name, value in KNOWN_TO_KUBELET.items():
            text = text.replace(f"$({name})", value)
        config = yaml.safe_load(text)
        for service in (config["dynamic_resources"]["ads_config"]["grpc_services"][0],
                        config["stats_sinks"][0]["typed_config"]["grpc_service"]):
            del service["initial_metadata"]  # there is no token here
        admin = unused_port()
        config["admin"]["address"]["socket_address"]["port_value"] = admin
        config = yaml.safe_load(yaml.safe_dump(config).replace("port_value: 15000", f"port_value: {admin}"))
        for each in config["static_resources"]["listeners"]:
            each["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        self.proxy = closing(Proxy(config, *arguments[2:4], wait_ready=False))
        wait_until(lambda: self.proxy.admin_port, "its admin interface")

    def ask(self, path, listener="probes"):
        return self.proxy.fetch(path, listener=listener)


def pod(port):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "web", "annotations": {"prometheus.io/port": str(port), "sidecar.istio.io/interceptionMode": "NONE"}}, "spec": {
            "containers": [{"name": "app", "image": "web", "livenessProbe": {"tcpSocket": {"port": port}},
                            "readinessProbe": {"httpGet": {"port": port, "path": "/live"}}}]}}


def test_an_injected_sidecar_answers_for_its_application(tmp_path, closing):
    application = closing(Upstream(answer=lambda request: reply(200, TEXT, METRICS)))
    mine = Injected(tmp_path, closing, application)
    container = mine.pod["spec"]["containers"][0]
    waited = subprocess.run([bin_dir() / "remora", "wait", "--url", f"http://127.0.0.1:{mine.proxy.port('ready')}/healthz/ready"],
                            capture_output=True, text=True, timeout=60)
    assert waited.returncode == 0, waited.stderr
    tcp, get = container["livenessProbe"]["httpGet"], container["readinessProbe"]["httpGet"]
    assert tcp["port"] == get["port"] == 15020
    assert mine.ask(tcp["path"]).status == mine.ask(get["path"]).status == 200
    assert application.last.target == "/live"
    scraped = mine.ask("/stats/prometheus?usedonly").text
    assert "orders_total 42\n" in scraped and "envoy_server_live" in scraped
    assert "orders_total" not in mine.ask("/stats/prometheus", "metrics").text
    application.close()
    assert mine.ask(tcp["path"]).status == 503
    assert subprocess.run([bin_dir() / "remora", "drain", "--admin-address", f"127.0.0.1:{mine.proxy.admin_port}"],
                          timeout=30, check=True).returncode == 0
    wait_until(lambda: mine.ask("/healthz/ready", "ready").status == 503, "its end is told")
    assert mine.proxy.terminate() == 0
