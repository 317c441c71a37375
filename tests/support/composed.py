"""docker/compose.yaml without Docker: its services as processes, each in a network of its own, with its address, command and files.

Services of Remora's image run in that image; the others as programs of this machine, whose files are where compose.yaml has them from.
"""

import pathlib

import yaml

from support.image import Image
from support.pods import Network, PodProcess
from support.proxy import ROOT

FILE = ROOT / "docker" / "compose.yaml"
OURS = "remora:0.1.0"


class Composed:
    """`replaced`: other files in the place of some of the volumes' (path of the checkout -> path)."""

    def __init__(self, folder, closing, replaced=None):
        self.services = yaml.safe_load(FILE.read_text())["services"]
        self.image = Image(folder)
        self.closing, self.replaced = closing, replaced or {}
        self.network = closing(Network())
        self.pods, self.processes = {}, {}
        for name, service in self.services.items():
            if "networks" in service:
                self._join(name, service["networks"]["mesh"]["ipv4_address"])

    def _join(self, name, address):
        pod = self.network.pod(name)
        pod.ip(f"addr add {address}/24 dev eth0")
        self.network.name(name, address)
        self.pods[name] = pod

    def pod(self, name):
        """That of a service, or of the one whose network it shares."""
        return self.pods[self.services[name].get("network_mode", f"service:{name}").partition(":")[2]]

    def volumes(self, name):
        """Where each file is: place in the container -> path here."""
        found = {}
        for volume in self.services[name].get("volumes", []):
            source, place, mode = volume.split(":")
            assert mode == "ro"
            path = (FILE.parent / source).resolve()
            assert path.exists(), f"{name}: there is no {path}"
            found[place] = self.replaced.get(path, path)
        return found

    def start(self, *names):
        for name in names:
            self.processes[name] = self.closing(PodProcess(self.pod(name), name, self._command(name), uid=0))

    def _command(self, name):
        service, volumes = self.services[name], self.volumes(name)
        if service["image"] != OURS:
            return [volumes.get(word, word) for word in service["command"]]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        state = dict(entry.split(":", 1) for entry in service.get("tmpfs", []))
        hosts = {"/etc/hosts": pathlib.Path(self.network.hosts)}
        return self.image.command(service["command"], mounts={**hosts, **volumes}, scratch=state)

    def output(self, name):
        return self.processes[name].log
