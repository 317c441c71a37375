"""`remoractl loadtester`: what Flagger's load-test webhooks ask for, run from an allow-list and without a shell."""

import json
import os
import pathlib
import signal

import pytest

from support.http_client import fetch
from support.proxy import Process, bin_dir
from support.release import Release
from support.upstream import Upstream
from support.waiting import wait_until


class LoadTester(Process):
    def __init__(self, *arguments, allow="hey,busy,gated,deaf,shy", programs=None):
        self.programs = programs
        path = f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"]
        super().__init__("loadtester", [bin_dir() / "remoractl", "loadtester", "--address", "127.0.0.1:0",
                                        "--address-path", "address", "--allow", allow, *arguments],
                         environment={"PATH": path})
        address = self.directory / "address"
        wait_until(lambda: not self.running or address.exists(), lambda: f"an address:\n{self.tail()}")
        assert self.running, self.tail()
        self.port = int(address.read_text().rpartition(":")[2])

    def post(self, path, payload, host="127.0.0.1"):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return fetch(self.port, path, "POST", {"content-type": "application/json", "connection": "close"}, body, host)

    def start(self, command, name="api", **metadata):
        return self.post("/", {"name": name, "namespace": "default", "phase": "Progressing",
                               "metadata": {"cmd": command, **metadata}})

    def wait_log(self, *words):
        return wait_until(lambda: next((line for line in self.log.splitlines() if all(word in line for word in words)), ""),
                          lambda: f"a line with {words} in:\n{self.tail()}")

    def started_pid(self, command):
        return int(self.wait_log(command, "started as process").rpartition(" ")[2])


def alive(pid):
    """Whether there is such a process that has not ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def tester(closing, tmp_path):
    """One with programs whose whole behaviour is known: busy runs on, with a child; deaf does not hear SIGTERM."""
    programs = {"busy": 'sleep 600 & echo "child $!"; wait', "gated": 'read -r line <"$1"',
                "deaf": "trap '' TERM; while :; do sleep 0.05; done", "shy": 'echo "first: $1"; echo "count: $#"; exit "${2:-0}"'}
    (tmp_path / "bin").mkdir()
    for name, script in programs.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return lambda *arguments, **options: closing(LoadTester(*arguments, programs=tmp_path / "bin", **options))


class TestCommands:
    def test_hey_of_the_webhook_loads_its_target(self, tester, closing):
        upstream = closing(Upstream("v1"))
        tester = tester()
        answer = tester.start(f"hey -n 20 -c 2 http://127.0.0.1:{upstream.port}/health", logCmdOutput="true")
        assert answer.status == 202, answer
        tester.wait_log("hey -n 20", "finished after")
        assert sum(request.target == "/health" for request in upstream.requests) == 20
        tester.wait_log("[200]", "20 responses")

    def test_same_command_runs_once_at_a_time(self, tester):
        tester = tester()
        assert tester.start("busy").status == 202
        first = tester.started_pid("api.default: busy")
        assert tester.start("busy").status == 202
        tester.wait_log("busy", "is running already")
        assert tester.start("busy", name="other").status == 202
        assert tester.started_pid("other.default: busy") != first
        assert tester.log.count("started as process") == 2

    def test_command_asked_for_while_it_runs_runs_once_more(self, tester, tmp_path):
        # A load as long as the interval of the canary that asks for it at each tick must have no gaps.
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        tester = tester()
        for _ in range(3):
            assert tester.start(f"gated {gate}").status == 202
        assert tester.log.count("started as process") == 1
        gate.write_text("go\n")
        wait_until(lambda: tester.log.count("started as process") == 2, lambda: f"a second run:\n{tester.tail()}")
        gate.write_text("go\n")
        wait_until(lambda: tester.log.count("finished after") == 2, lambda: f"its end:\n{tester.tail()}")
        tester.start("shy done 0")
        tester.wait_log("shy", "finished after")
        assert tester.log.count("gated") - tester.log.count("is running already") == 4  # two starts, two ends

    def test_command_inherits_no_connection(self, tester):
        tester = tester()
        tester.start("busy")
        pid = tester.started_pid("busy")
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        child = wait_until(lambda: children.read_text().split(), "the script under way")[0]
        for process in (pid, child):
            opened = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{process}/fd").iterdir()]
            assert not any(name.startswith("socket:") for name in opened), opened

    def test_words_and_quotes_as_in_a_shell(self, tester):
        tester = tester()
        tester.start("""shy 'one; two' "0" "th\\"ree" fo\\ ur '' x""", logCmdOutput="true")
        tester.wait_log("first: one; two")
        tester.wait_log("count: 6")

    def test_output_of_a_failure_is_logged_and_cannot_forge_lines(self, tester):
        tester = tester()
        tester.start("shy \"a\tb\" 3")
        tester.wait_log("shy", "failed with exit code 3")
        tester.wait_log("  first: a.b")

    def test_output_of_success_is_logged_only_on_request(self, tester):
        tester = tester()
        tester.start("shy quiet")
        tester.wait_log("shy quiet", "finished")
        assert "first: quiet" not in tester.log

    @pytest.mark.parametrize("command", [
        "hey http://a/ ; id", "hey http://a/ | tee x", "hey http://a/ && id", "hey http://a/ &", "hey $(id)", "hey `id`",
        "hey \"$HOME\"", "hey http://a/ > /tmp/x", "hey < /etc/passwd", "(hey)", "hey http://a/\nid", "hey 'open",
        "hey \\", "# hey", "sh -c id", "/bin/sh", "/usr/bin/hey http://a/", "./hey", "HEY=1 hey", "", "   ",
        "hey -D /etc/passwd http://a/"])
    def test_what_only_a_shell_could_do_is_refused(self, tester, command):
        tester = tester()
        answer = tester.start(command)
        assert answer.status == 400 and b"metadata.cmd" in answer.body, answer
        assert "started as process" not in tester.log

    @pytest.mark.parametrize("options", ["-s x.lua", "-sx.lua", "--script x.lua", "--script=x.lua", "--scr x.lua"])
    def test_scripts_are_no_load(self, tester, options):
        assert tester(allow="wrk").start(f"wrk {options} http://a/").status == 400

    def test_program_that_is_not_installed_is_told_at_start(self, tester):
        tester = tester(allow="busy,notthere")
        tester.wait_log("notthere is not installed")
        assert tester.start("notthere").status == 400

    def test_number_is_bounded(self, tester):
        tester = tester("--max-running", "2")
        assert [tester.start(f"busy {n}").status for n in range(3)] == [202, 202, 429]


class TestEnds:
    def test_too_long_is_ended_even_if_it_does_not_listen(self, tester):
        tester = tester("--max-duration", "100ms")
        tester.start("busy")
        tester.wait_log("busy", "has run too long")
        tester.wait_log("busy", "ended by signal 15")
        tester.start("deaf")
        tester.wait_log("deaf", "ended by signal 9")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_nothing_outlives_a_shutdown(self, tester, number):
        tester = tester()
        tester.start("busy")
        pid = tester.started_pid("busy")
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        child = wait_until(lambda: children.read_text().split(), "the command's own child")[0]
        tester.signal(number)
        assert tester.wait() == 0
        wait_until(lambda: not alive(pid) and not alive(child), "the whole group's end")

    def test_command_does_not_outlive_a_killed_tester(self, tester):
        tester = tester()
        tester.start("busy")
        pid = tester.started_pid("busy")
        wait_until(lambda: alive(pid), "the command")
        tester.kill()
        wait_until(lambda: not alive(pid), "the command's end")


class TestPayloads:
    @pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'"x"', b"{}", b'{"metadata": 1}', b'{"metadata": {}}',
                                         b'{"metadata": {"cmd": 7}}', b'{"metadata": {"type": "bash", "cmd": "hey"}}'])
    def test_what_is_no_load_test_is_refused(self, tester, payload):
        assert tester().post("/", payload).status == 400

    def test_type_that_is_not_supported_is_named(self, tester):
        answer = tester().start("test", type="helmv3")
        assert answer.status == 400 and b"helmv3" in answer.body

    def test_foreign_names_are_refused_unless_given(self, tester):
        payload = {"name": "api", "namespace": "default", "metadata": {"cmd": "shy"}}
        assert tester().post("/", payload, host="flagger-loadtester.test").status == 403
        named = tester("--host", "flagger-loadtester.test")
        assert named.post("/", payload, host="flagger-loadtester.test").status == 202
        assert named.post("/", payload, host="flagger-loadtester.test:80").status == 202
        assert named.post("/", payload, host="other.test").status == 403

    def test_other_paths_and_methods(self, tester):
        tester = tester()
        assert tester.post("/nowhere", {}).status == 404
        assert fetch(tester.port, "/", host="127.0.0.1").status == 405
        assert fetch(tester.port, "/healthz", host="127.0.0.1").status == 200


class TestGates:
    def test_gate_of_each_canary(self, tester):
        tester = tester()
        api, web = {"name": "api", "namespace": "default"}, {"name": "web", "namespace": "default"}

        def check(path, canary):
            return tester.post(path, canary).status

        assert check("/gate/check", api) == 403
        assert tester.post("/gate/open", api).status == 202
        assert check("/gate/check", api) == 200
        assert check("/gate/check", web) == 403
        assert check("/rollback/check", api) == 403
        assert tester.post("/rollback/open", api).status == 202
        assert check("/rollback/check", api) == 200
        assert tester.post("/gate/close", api).status == 202
        assert check("/gate/check", api) == 403

    def test_fixed_gates(self, tester):
        tester = tester()
        assert tester.post("/gate/approve", {}).status == 200
        assert tester.post("/gate/halt", {}).status == 403
        assert tester.post("/gate/nonsense", {}).status == 404


@pytest.mark.parametrize("arguments", [(), ("--allow", ""), ("--allow", "/bin/sh"), ("--allow", "hey", "--max-running", "0"),
                                       ("--allow", "hey", "--max-duration", "soon"),
                                       ("--allow", "hey", "--address", "0.0.0.0:0")])
def test_bad_usage_and_open_addresses_are_refused(arguments):
    tester = Process("loadtester", [bin_dir() / "remoractl", "loadtester", "--address", "127.0.0.1:0", *arguments])
    assert tester.wait() == 2 and "error: " in tester.log


def test_canary_without_other_traffic_is_loaded_and_promoted(tester, closing, tmp_path):
    """The seed's webhook, through Flagger's interface: all requests that decide come from hey."""
    tester = tester("--host", "flagger-loadtester.test")
    release = Release(tmp_path / "mesh" / "config", closing, step_weight=30)
    release.canary["spec"]["analysis"]["webhooks"] = [{
        "name": "load-test", "url": f"http://127.0.0.1:{tester.port}/", "timeout": "5s",
        "metadata": {"cmd": f"hey -z 30s -q 50 -c 2 -host api http://127.0.0.1:{release.port}/health"}}]
    release.begin()
    release.deploy("v2")
    assert release.wait_phase("Succeeded", "Failed")["phase"] == "Succeeded"
    assert tester.log.count("started as process") == 1 and "is running already" in tester.log
    assert any(request.target == "/health" for request in release.upstreams["v2"].requests)
