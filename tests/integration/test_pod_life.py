"""The beginning and the end of an injected pod: its hooks and signals in kubelet's order, through real interception."""

import signal
import threading

import pytest

from support.http_client import format_request
from support.pod_mesh import PodMesh, service
from support.pods import PROXY_UID, PodClient, unavailable
from support.proxy import bin_dir
from support.upstream import reply
from support.waiting import wait_until

pytestmark = [pytest.mark.skipif(bool(unavailable()), reason=unavailable() or ""),
              pytest.mark.remora_only("hooks and order of the end are Remora's own")]


def hook(pod, name):
    """Runs what the sidecar's container says for that moment, as its user in its pod; gives what it printed."""
    sidecar = pod.manifest["spec"]["initContainers"][-1]
    tool, *words = sidecar["lifecycle"][name]["exec"]["command"]
    done = pod.pod.run(bin_dir() / tool, *words, uid=PROXY_UID)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pod_ends_without_a_lost_request_and_its_program_may_call_others_until_the_last(tmp_path):
    release = threading.Event()

    def answer(request):
        if request.target == "/hold":
            release.wait(30)
        return reply(200, {}, "web")

    with PodMesh(tmp_path) as mesh:
        web, client, others, node = mesh.pod("web", ports=[8080]), mesh.pod("client"), mesh.pod("others", ports=[8080]), mesh.network.pod("node")
        mesh.network.name("web", "10.96.0.10")
        mesh.network.name("others", "10.96.0.11")
        mesh.apply("all.yaml", service("web", {"http": (80, 8080)}, "10.96.0.10"), *web.workloads(http=8080),
                   service("others", {"http": (80, 8080)}, "10.96.0.11"), *others.workloads(http=8080))
        program = mesh.serve(web, 8080, answer=answer)
        mesh.serve(others, 8080)
        assert web.pod.run(bin_dir() / "remora", "wait", uid=PROXY_UID).stdout == "the proxy is ready\n"
        client.wait_answer("web", 80)
        web.wait_answer("others", 80)

        with PodClient(client.connect("web", 80)) as caller, PodClient(web.connect("others", 80)) as kept:
            assert kept.request(host="others").status == 200
            caller.send(format_request(target="/hold", host="web"))
            wait_until(lambda: any(request.target == "/hold" for request in program.requests), "the request in the program")
            # The pod's end begins: hooks first, while its program shuts down.
            assert hook(web, "preStop") == "inbound traffic drains\n"
            assert node.fetch(web.pod.v4, 15021, "/healthz/ready").status == 503
            assert client.fetch("web", 80).status == 200, "who has not heard is served"
            assert kept.request(host="others").status == 200 and web.fetch("others", 80).status == 200
            release.set()
            assert caller.response().status == 200
            assert kept.request(host="others").status == 200 and web.fetch("others", 80).status == 200
        # The program has ended; now the signal.
        program.close()
        web.proxy.signal(signal.SIGTERM)
        assert web.proxy.wait(30) == 0
