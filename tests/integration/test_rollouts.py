"""Canaries with real sidecars: remora-control moves the weights, its proxies' reports decide, clients must not notice."""

import json
import os
import pathlib
import random
import re
import threading

import pytest
import yaml

from support.http_client import Client
from support.load import Load
from support.mesh import ControlPlane
from support.rollout_mesh import ARGUMENTS, TICK, RolloutMesh, canary
from support.upstream import Upstream, reply
from support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))
KILLS = int(os.environ.get("REMORA_ROLLOUT_KILLS", "2"))  # canary runs with kill -9; 50 take some minutes


@pytest.fixture
def begin(tmp_path, closing):
    def begin(manifest=None, **analysis):
        mesh = RolloutMesh(tmp_path / "mesh", closing)
        mesh.add_version("v1")
        mesh.wait_serving()
        mesh.apply("canary.yaml", manifest(mesh) if manifest else canary(mesh.port, **analysis))
        mesh.wait_phase("Initialized")
        mesh.wait_routes("api-primary")
        return mesh
    return begin


def seeds_canary(closing):
    """api-canary.yaml of the seeds with a tick, windows, a port and a load tester that suit a test."""
    tester = closing(Upstream("load tester", lambda request: reply(202)))

    def manifest(mesh):
        text = (SEEDS / "api-canary.yaml").read_text()
        text = text.replace("    interval: 1m\n    threshold", f"    interval: {TICK}\n    threshold")
        text = text.replace("      interval: 1m", "      interval: 1s").replace("port: 8080", f"port: {mesh.port}")
        text = text.replace("http://flagger-loadtester.test/", f"http://127.0.0.1:{tester.port}/")
        assert yaml.safe_load(text)["spec"]["analysis"]["stepWeight"] == 10
        return text
    return manifest, tester


@pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the seeds' manifests are not at {SEEDS}")
def test_the_seeds_canary_is_promoted_without_a_lost_request(begin, closing):
    manifest, tester = seeds_canary(closing)
    mesh = begin(manifest)
    with Load(mesh.port, "api") as load:
        mesh.add_version("v2")
        mesh.wait_phase("Succeeded")
        load.wait_for("v2", 100)
        mesh.wait_routes("api-primary")
    load.assert_nothing_lost()
    status = mesh.status
    assert [entry["weight"] for entry in mesh.decisions("advance")] == [10, 20, 30, 40, 50]
    assert status["lastPromotedSpec"] == "v2" and status["canaryWeight"] == 0
    assert status["conditions"][0]["type"] == "Promoted" and status["conditions"][0]["status"] == "True"
    hook = json.loads(tester.requests[0].body)
    assert hook["name"] == "api" and hook["phase"] == "Progressing" and hook["metadata"]["cmd"].startswith("hey ")
    text = mesh.control.admin("/metrics").text
    assert re.search(r'^flagger_canary_successes_total\{name="api",.*analysis_status="completed"\} 1$', text, re.M), text
    assert re.search(r'^flagger_canary_weight\{workload="api-primary",namespace="default"\} 100$', text, re.M)


@pytest.mark.parametrize("fault", ["5xx", "slow"])
def test_a_bad_version_is_rolled_back(begin, fault):
    mesh = begin()
    never = threading.Event()

    def answer(request):
        if fault == "slow":
            never.wait(0.3)
        return reply(500 if fault == "5xx" else 200, body="v2")
    with Load(mesh.port, "api", connections=8) as load:
        mesh.add_version("v2", answer)
        mesh.wait_phase("Failed")
    assert mesh.status["rollout"]["weights"] == {"primary": 100, "canary": 0, "mirror": False}
    reasons = json.dumps(mesh.decisions("hold"))
    assert ("success rate" if fault == "5xx" else "request duration") in reasons, reasons
    assert mesh.status["conditions"][0]["status"] == "False"
    assert all(getattr(failure, "status", 0) == 500 for failure in load.failures), load.failures[:3]
    wait_until(lambda: {mesh.fetch().text for _ in range(20)} == {"v1"}, "all requests at v1")


def test_a_version_without_traffic_is_rolled_back(begin):
    # Windows begin to count once remora-control has listened for one.
    mesh = begin()
    mesh.add_version("v2")
    mesh.wait_phase("Failed")
    assert "not receiving traffic" in json.dumps(mesh.decisions("hold"))


def test_no_traffic_is_inconclusive_where_the_field_says_so(begin):
    mesh = begin(metrics=[{"name": "request-success-rate", "interval": "1s", "thresholdRange": {"min": 99},
                           "minSamples": 20, "noData": "inconclusive"}])
    mesh.add_version("v2")
    wait_until(lambda: any(check["outcome"] == "inconclusive" for entry in mesh.decisions("hold")
                           for check in entry.get("checks", [])), "an inconclusive check")
    wait_until(lambda: sum(entry.get("times", 1) for entry in mesh.decisions("hold")) > 3, "it held for a while")
    assert mesh.status["failedChecks"] == 0 and mesh.status["canaryWeight"] == 25
    with Load(mesh.port, "api") as load:
        mesh.wait_phase("Succeeded")
    load.assert_nothing_lost()


def test_requests_in_flight_on_the_losing_version_finish(begin):
    mesh = begin(interval="1h", stepWeight=100, maxWeight=100)
    arrived, release = threading.Event(), threading.Event()

    def answer(request):
        if request.target == "/long":
            arrived.set()
            assert release.wait(30)
        return reply(200, body="v2")
    mesh.add_version("v2", answer)
    mesh.apply("canary.yaml", canary(mesh.port, interval="100ms", stepWeight=100, maxWeight=100, threshold=100, metrics=[],
                                     webhooks=[{"name": "never", "type": "confirm-promotion",
                                                "url": "http://127.0.0.1:9/"}]))
    mesh.wait_phase("WaitingPromotion")
    wait_until(lambda: mesh.fetch().text == "v2", "v2 serves")
    answers = []
    with Client(mesh.port) as client:
        asking = threading.Thread(target=lambda: answers.append(client.request(target="/long", host="api")))
        asking.start()
        assert arrived.wait(20)
        mesh.act("abort")
        mesh.wait_phase("Failed")
        wait_until(lambda: mesh.fetch().text == "v1", "v1 serves")
        assert not answers
        release.set()
        asking.join(20)
    assert [(answer.status, answer.text) for answer in answers] == [(200, "v2")]


def test_session_affinity_keeps_a_client_with_its_version(begin):
    mesh = begin(metrics=[], sessionAffinity={"cookieName": "canary-cookie", "maxAge": 60})
    mesh.add_version("v2")
    wait_until(lambda: mesh.status["canaryWeight"] == 25, "the first step")
    mesh.act("pause")
    with Client(mesh.port) as client:
        answer = wait_until(lambda: next((found for found in (client.request(host="api") for _ in range(20))
                                          if found.get("set-cookie")), None), "an answer of the canary")
        cookie = answer.get("set-cookie")
        assert answer.text == "v2" and cookie.startswith("canary-cookie=") and "; Max-Age=60" in cookie, cookie
        headers = [("cookie", "theme=dark; " + cookie.partition(";")[0])]
        assert {client.request(headers=headers, host="api").text for _ in range(40)} == {"v2"}
        mesh.act("abort")
        farewell = wait_until(lambda: next((found for found in [client.request(headers=headers, host="api")]
                                            if found.text == "v1"), None), "the primary for everybody")
    assert farewell.get("set-cookie").startswith(cookie.partition(";")[0]) and "Max-Age=-1" in farewell.get("set-cookie")


def test_ab_testing_gives_the_canary_to_those_who_match(begin):
    mesh = begin(iterations=2, stepWeight=0, metrics=[], match=[{"headers": {"x-user": {"exact": "insider"}}}])
    mesh.add_version("v2")
    wait_until(lambda: mesh.status["iterations"] >= 1, "the first iteration")
    mesh.act("pause")
    insider = [("x-user", "insider")]
    wait_until(lambda: mesh.fetch(headers=insider).text == "v2", "the canary for insiders")
    assert {mesh.fetch(headers=insider).text for _ in range(20)} == {"v2"}
    assert {mesh.fetch().text for _ in range(20)} == {"v1"}
    mesh.act("resume")
    mesh.wait_phase("Succeeded")
    wait_until(lambda: {mesh.fetch().text for _ in range(10)} == {"v2"}, "all requests at v2")


def test_a_mirrored_step_is_gated_on_the_shadow(begin):
    """Nobody ever sees the canary that fails: it gets copies only, and is judged by them."""
    mesh = begin(mirror=True, mirrorGate=True, metrics=[])
    with Load(mesh.port, "api") as load:
        mesh.add_version("v2", lambda request: reply(500))
        mesh.wait_phase("Failed")
    load.assert_nothing_lost()
    assert "v2" not in load.answers
    assert [entry["weight"] for entry in mesh.decisions("advance")] == [0]
    checks = [check for entry in mesh.decisions("hold") for check in entry.get("checks", [])]
    assert any(check["name"] == "mirror-status" and check["outcome"] == "fail" for check in checks), checks


def test_pause_resume_and_promote_by_hand(begin):
    mesh = begin(metrics=[])
    mesh.act("pause")
    mesh.add_version("v2")
    before = mesh.status
    mesh.act("resume")
    assert before["rollout"]["paused"] and before["phase"] == "Initialized"
    mesh.wait_phase("Progressing")
    mesh.act("promote")
    mesh.wait_phase("Succeeded")
    assert mesh.decisions("promote")[0]["reason"].startswith("promoted by hand")
    wait_until(lambda: {mesh.fetch().text for _ in range(10)} == {"v2"}, "all requests at v2")


@pytest.mark.parametrize("run", range(KILLS))
def test_killed_at_random_moments_it_ends_the_same(begin, closing, run):
    """kill -9 of remora-control, again and again, while a canary advances: nobody notices, no weight moves twice."""
    seed = int(os.environ.get("REMORA_SEED", random.randrange(1 << 30)))
    print(f"REMORA_SEED={seed} run {run}")
    dice = random.Random(f"{seed}-{run}")
    mesh = begin(threshold=3)
    kills = 0
    with Load(mesh.port, "api") as load:
        mesh.add_version("v2")
        mesh.wait_phase("Progressing")
        while mesh.status["phase"] != "Succeeded":
            threading.Event().wait(dice.uniform(0, 1.2))  # the random moment: nothing is waited for
            port = mesh.control.xds_port
            mesh.control.kill()
            kills += 1
            mesh.control = closing(ControlPlane(mesh.folder, port, ARGUMENTS))
            assert mesh.status["phase"] != "Failed", json.dumps(mesh.status, indent=1)
        wait_until(lambda: {mesh.fetch().text for _ in range(20)} == {"v2"}, "all requests at v2")
    load.assert_nothing_lost()
    assert kills > 0
    status, timeline = mesh.status, mesh.status["rollout"]["timeline"]
    assert [entry["weight"] for entry in mesh.decisions("advance")] == [25, 50], timeline
    assert status["rollout"]["primaryRevision"] == "v2" and status["lastPromotedSpec"] == "v2"
    assert len(mesh.decisions("initialize")) == len(mesh.decisions("start")) == 1
