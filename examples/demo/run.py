#!/usr/bin/env python3
"""The demo: a small mesh on this machine, walked through the seeds' releases under live traffic.

Starts remora-control, two versions of a small service, a sidecar for every workload and one for the client, and
traffic that never stops, all of it over mutual TLS; then goes from canary to blue-green, mirroring, A/B and outlier detection by rewriting one
file, as an operator would. At the end a Canary decides by itself: a good version is promoted, a bad one rolled back.
Exit code 0 only if every step held and no request failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from manifests import Manifests  # noqa: E402
from mesh import ROOT, Mesh, Processes  # noqa: E402
from rollout import Rollout  # noqa: E402
from screen import Screen  # noqa: E402
from steps import Outcome, Walk  # noqa: E402
from traffic import Traffic  # noqa: E402

_OWN_MANIFESTS = ROOT / "examples" / "manifests"
_SEEDS = ROOT.parent / "shared" / "seeds" / "manifests"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the mesh running at the end, until Ctrl-C")
    parser.add_argument("--requests", type=int, default=2000, help="requests per step (default 2000)")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", help="where the binaries are")
    parser.add_argument("--manifests", type=Path, default=_SEEDS if _SEEDS.is_dir() else _OWN_MANIFESTS,
                        help="folder of the seeds' manifests (default: %(default)s)")
    parser.add_argument("--envoy", metavar="PATH", help="run this stock Envoy in place of remora, to compare")
    arguments = parser.parse_args()
    if arguments.requests < 100:
        parser.error("--requests must be at least 100: fewer cannot tell one split from another")
    needed = ["remora-control"] if arguments.envoy else ["remora-control", "remora", "remoractl"]
    absent = [name for name in needed if not (arguments.build / name).exists()]
    if absent:
        parser.exit(2, f"demo: not built in {arguments.build}: {', '.join(absent)} (./dev build)\n")
    return arguments


def walk(arguments: argparse.Namespace, mesh: Mesh, screen: Screen) -> list[Outcome]:
    """Everything from the first process to the last step; a step that breaks off leaves a row saying why."""
    manifests = Manifests(arguments.manifests, _OWN_MANIFESTS)
    screen.line(f"starting the mesh with the manifests of {arguments.manifests} ...")
    mesh.start(manifests.blue_green("blue"))
    screen.line(f"ready: myapp is at http://127.0.0.1:{mesh.port}/ through the client's sidecar")
    traffic = Traffic(mesh.port, "myapp")
    traffic.start()
    steps = Walk(mesh, traffic, manifests, screen, arguments.requests)
    try:
        steps.run()
    except RuntimeError as error:
        steps.outcomes.append(Outcome("broke off", "", str(error).splitlines()[0], 0, 0, False))
        screen.line(f"\ndemo: {error}\n{mesh.log_tails()}")
    finally:
        traffic.stop()
    steps.outcomes.append(steps.changes())
    if not arguments.envoy:  # a stock Envoy has none of Istio's metrics
        steps.outcomes.append(steps.statistics())
        steps.outcomes += rollouts(mesh, manifests, screen)
    return steps.outcomes


def rollouts(mesh: Mesh, manifests: Manifests, screen: Screen) -> list[Outcome]:
    """Releases that metrics decide: a good version and then a bad one."""
    traffic = Traffic(mesh.port, "api")
    release = Rollout(mesh, traffic, manifests, screen)
    try:
        release.run()
    except RuntimeError as error:
        release.outcomes.append(Outcome("broke off", "", str(error).splitlines()[0], 0, 0, False))
        screen.line(f"\ndemo: {error}\n{mesh.log_tails()}")
    finally:
        traffic.stop()
    return release.outcomes


def report(outcomes: list[Outcome], screen: Screen) -> None:
    screen.line()
    screen.table(["step", "wanted", "observed", "requests", "failed", "verdict"], [
        [each.step, each.wanted, each.observed, str(each.requests), str(each.failed),
         "held" if each.held else f"NOT HELD {each.note}".rstrip()] for each in outcomes])
    screen.line("\nA split holds within 5 standard deviations of a fair choice; 0 % and 100 % hold exactly. Requests")
    screen.line("that the demo itself told the service to fail (until it was ejected) are not counted as failed.")


def addresses(mesh: Mesh, screen: Screen) -> None:
    screen.line("\nThe mesh goes on running; Ctrl-C ends it.")
    screen.line(f"  myapp, through the mesh   curl -H 'host: myapp' http://127.0.0.1:{mesh.port}/")
    screen.line(f"  manifests (edit them)     {mesh.config}")
    screen.line(f"  page, rollouts            http://{mesh.api}/")
    screen.line(f"  kubectl, remoractl        REMORA_API={mesh.api} {mesh.remoractl} get canaries")
    screen.line(f"  remora-control            admin http://127.0.0.1:{mesh.control_admin_port}/, xDS on {mesh.xds_port}")
    screen.line(f"  client's sidecar          admin http://{mesh.client.admin}/")
    for name, instance in mesh.instances.items():
        admin = mesh.servers[name].admin
        screen.line(f"  {name:<25} admin http://{admin}/, application http://127.0.0.1:{instance.port}/")
    try:
        signal.pause()
    except KeyboardInterrupt:
        screen.line("\ndemo: ended; every process it started is gone")


def main() -> int:
    arguments, screen = parse(), Screen()
    with tempfile.TemporaryDirectory(prefix="remora-demo-") as directory:
        mesh = None
        try:
            with Processes(Path(directory)) as processes:
                mesh = Mesh(arguments.build.resolve(), arguments.envoy, Path(directory), processes, _OWN_MANIFESTS)
                outcomes = walk(arguments, mesh, screen)
                report(outcomes, screen)
                if arguments.keep:
                    addresses(mesh, screen)
                return 0 if all(each.held for each in outcomes) else 1
        except RuntimeError as error:
            screen.line(f"demo: {error}")
            return 1
        except KeyboardInterrupt:
            screen.line("\ndemo: ended; every process it started is gone")
            return 130


if __name__ == "__main__":
    sys.exit(main())
