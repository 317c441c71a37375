"""The replica that drives a canary goes in the middle of it, killed or stopped: another one goes on where it was, and nobody notices."""

import pytest
from support.cluster_control import ClusterControl
from support.cluster_life import ClusterLife
from support.cluster_rollout import ClusterRollout
from support.meanwhile import Meanwhile
from support.waiting import wait_until


class Replicated(ClusterRollout):
    """Two replicas; the sidecar knows both, and is with the leader as long as that lives, or else with the other one."""

    def __init__(self, folder, kubernetes, closing, lease, with_leader=True):  # pylint: disable=super-init-not-called
        self.with_leader = with_leader
        self.kubernetes, self.closing, self.folder = kubernetes, closing, folder
        self.life = closing(ClusterLife(kubernetes))
        self.control = self.replica("first", lease).wait_leading()
        self.other = self.replica("second", lease)
        self.client = closing(self.sidecar("client", push="0.2s"))

    def replica(self, name, lease):
        return self.closing(ClusterControl(
            self.folder / name, self.kubernetes.kubeconfig("admin", "system:masters"), "--rollout-min-interval", "200",
            "--lease-duration", lease, environment={"POD_NAME": name}))

    @property
    def xds_ports(self):
        ports = self.control.xds_port, self.other.xds_port
        return ports if self.with_leader else ports[::-1]

    def driver(self, name):
        return self.status(name)["rollout"]["driver"]


class Weights(Meanwhile):
    """Every weight that a canary's routes have had."""

    def __init__(self, mesh, name):
        self.mesh, self.name, self.seen = mesh, name, []

    def step(self):
        weight = dict(self.mesh.weights(self.name))[f"{self.name}-canary"]
        if not self.seen or self.seen[-1] != weight:
            self.seen.append(weight)


@pytest.mark.parametrize("name, lease, end", [("killed", "3s", "kill"), ("stopped", "60s", "terminate")])
def test_the_next_one_goes_on_where_the_leader_was(populated, closing, tmp_path, name, lease, end):
    mesh = Replicated(tmp_path, populated, closing, lease)
    mesh.begin(name, analysis={"interval": "1s", "threshold": 10, "stepWeight": 10, "maxWeight": 40})
    mesh.wait_answer(name, image="app:1")
    first = mesh.driver(name)
    assert first.startswith("first_")
    with mesh.traffic(name) as load, Weights(mesh, name) as weights:
        mesh.set_image(name, "app:2")
        wait_until(lambda: 20 in mesh.decisions(name, "advance"), lambda: f"in the middle: {mesh.status(name)}", 30)
        getattr(mesh.control, end)()
        mesh.other.wait_leading(40)  # of the stopped one's lease most is still to come
        mesh.wait_phase(name, "Succeeded")
        mesh.wait_answer(name, image="app:2")
    assert not load.failures() and load.images() == {"app:1", "app:2"}
    assert mesh.decisions(name, "advance") == [10, 20, 30, 40]
    assert weights.seen == [0, 10, 20, 30, 40, 0]
    assert mesh.driver(name).startswith("second_")


def test_a_canary_is_judged_by_proxies_that_report_to_another_replica(populated, closing, tmp_path):
    mesh = Replicated(tmp_path, populated, closing, "15s", with_leader=False)
    mesh.begin("afar", analysis={"interval": "1s", "threshold": 3, "stepWeight": 25, "maxWeight": 50})
    mesh.wait_answer("afar", image="app:1")
    with mesh.traffic("afar"):
        mesh.set_image("afar", "app:bad")
        status = mesh.wait_phase("afar", "Failed")
    checks = [check for entry in status["rollout"]["timeline"] for check in entry.get("checks", []) if check["outcome"] == "fail"]
    assert checks and all(check["name"] == "request-success-rate" and check["value"] < 99 for check in checks), status
    assert mesh.other.leader()["leader"] == mesh.control.leader()["identity"]
