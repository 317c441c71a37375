"""The image of docker/: its root file system, made from this build, runs the programs as a container would run them."""

import re

import pytest
import yaml

from support.bootstrap import bootstrap, http_listener
from support.http_client import fetch
from support.image import DOCKERFILE, PROGRAMS, Image, instruction, instructions
from support.pods import Namespace, PodProcess, unavailable
from support.proxy import ROOT
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")
INIT = {"user": "0:0", "rights": ("net_admin", "net_raw")}  # as the injector asks for it


@pytest.fixture(name="image", scope="module")
def _image(tmp_path_factory):
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture(name="network")
def _network(closing):
    return closing(Namespace())


@pytest.mark.parametrize("words", [("remora", "--version"), ("remora-control", "--version"), ("remoractl", "version")])
def test_each_program_has_all_that_it_loads(image, words):
    done = image.run(*words)
    assert done.returncode == 0 and "0.1.0" in done.stdout, done


def test_it_runs_as_the_sidecars_user_who_can_write_nothing(image):
    assert image.user == "1337:1337"
    done = image.run("remora-control", "--store", "/etc/remora/store", "--xds-address", "127.0.0.1:0")
    assert done.returncode == 1 and "/etc/remora/store" in done.stderr and "Read-only file system" in done.stderr, done
    writable = [path for path in image.root.rglob("*") if path.lstat().st_uid != 0 and not path.is_symlink()]
    assert not writable, "everything belongs to root"


def test_its_default_command_serves_requests(image, network):
    config = bootstrap([http_listener({"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "from the image"}}})])
    config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = 8080
    path = image.root / image.default_command[-1].lstrip("/")
    path.write_text(yaml.safe_dump(config))
    process = PodProcess(network, "image", image.command(image.default_command), uid=0)
    try:
        with network.entered():
            answer = wait_until(lambda: answered(process, 8080), lambda: f"an answer:\n{process.tail()}")
        assert answer.status == 200 and answer.text == "from the image"
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            about = dict(line.rstrip("\n").split(":\t", 1) for line in status)
        assert about["Uid"].split() == ["1337"] * 4 and about["Gid"].split() == ["1337"] * 4
        assert int(about["CapEff"], 16) == int(about["CapPrm"], 16) == 0 and about["NoNewPrivs"] == "1"
        assert process.terminate() == 0
    finally:
        process.stop()


def answered(process, port):
    assert process.running, process.tail()
    try:
        return fetch(port, "/")
    except OSError:
        return None


@pytest.mark.parametrize("tool", ["--force-iptables-binary=nft", "--force-iptables-binary=legacy", "--native-nftables"])
@pytest.mark.parametrize("mode", ["REDIRECT", "TPROXY"])
def test_it_is_the_init_container_too(image, network, tool, mode):
    """Read-only, so iptables-legacy cannot make its lock file; nor has the image a shell."""
    done = network.run(*image.command(["remoractl", "iptables", tool, "-m", mode, "-u", "1337"], **INIT))
    if done.returncode == 5:
        pytest.skip(f"this kernel: {done.stderr}")
    assert done.returncode == 0, done
    words = {"--force-iptables-binary=nft": ["iptables-nft-save"], "--force-iptables-binary=legacy": ["iptables-legacy-save"],
             "--native-nftables": ["nft", "list", "ruleset"]}[tool]
    rules = network.run(*image.command(words, **INIT)).stdout
    assert "15001" in rules and "15006" in rules
    again = network.run(*image.command(["remoractl", "iptables", "--cleanup-only"], **INIT))
    assert again.returncode == 0 and "15006" not in network.run(*image.command(words, **INIT)).stdout, again


def test_it_says_what_it_is_made_of(image):
    recorded = {path.name for path in (image.root / "var/lib/dpkg/status.d").iterdir()}
    assert recorded >= {"libc6", "libstdc++6", "libssl3", "libgrpc++1.51", "libnghttp2-14", "iptables", "nftables", "iproute2", "ca-certificates"}
    for package in (*recorded, "remora"):
        assert (image.root / "usr/share/doc" / package / "copyright").stat().st_size > 100, package
    for package in recorded:
        fields = (image.root / "var/lib/dpkg/status.d" / package).read_text()
        assert f"Package: {package}\n" in fields and "\nVersion: " in fields
    assert "Debian" in (image.root / "etc/os-release").read_text()


def test_there_is_nothing_to_break_in_with(image):
    names = {path.name for folder in ("usr/bin", "usr/sbin") for path in (image.root / folder).iterdir()}
    assert set(PROGRAMS) < names
    assert not names & {"sh", "bash", "dash", "apt", "dpkg", "perl", "python3", "curl"}
    size = sum(path.stat().st_size for path in image.root.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < 90e6, f"{size / 1e6:.0f} MB"


def test_the_last_stage_is_what_assemble_made(image):
    assert image.default_command[0] in PROGRAMS
    names = [name for name, _ in instructions()]
    last = instructions()[len(names) - names[::-1].index("FROM") - 1:]
    assert last[0] == ("FROM", "scratch")
    assert [rest for name, rest in last if name == "COPY"] == ["--from=build /image/ /"]
    assert "docker/assemble /image" in [rest for name, rest in instructions() if name == "RUN"][-1] and instruction("WORKDIR") == "/"


def test_its_build_sees_every_folder_that_the_programs_are_made_from():
    """docker/Dockerfile.dockerignore hides all but a list, which must follow the build's own."""
    shown = {line[1:].split("/")[0] for line in DOCKERFILE.with_suffix(".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = (ROOT / "CMakeLists.txt").read_text()
    needed = {path.split("/")[0] for path in re.findall(r"add_subdirectory\(([^)]+)\)", lines)} - {"tests", "bench"}
    assert needed and shown >= {*needed, "cmake", "include", "CMakeLists.txt", "CMakePresets.json"}
