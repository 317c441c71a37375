"""A real Prometheus, with the configuration of examples/observability."""

import json
import shutil
import urllib.parse

import yaml

from support.http_client import fetch
from support.proxy import ROOT, Process
from support.upstream import unused_port
from support.waiting import wait_until

EXAMPLE = ROOT / "examples" / "observability"
PROGRAM = shutil.which("prometheus")


class Prometheus(Process):
    """Scrapes `proxies` and `control` (name -> admin port) five times a second, with our rules."""

    def __init__(self, folder, proxies, control):
        shutil.copytree(EXAMPLE, folder)
        self.folder = folder
        self.scrape(proxies, control)
        config = yaml.safe_load((folder / "prometheus.yml").read_text())
        config["global"].update(scrape_interval="200ms", scrape_timeout="200ms", evaluation_interval="200ms")
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.port = unused_port()
        super().__init__("prometheus", [
            PROGRAM, "--config.file", folder / "prometheus.yml", "--storage.tsdb.path", folder / "data",
            "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"], directory=folder)
        wait_until(self.is_ready, lambda: f"prometheus ready:\n{self.tail()}")

    def scrape(self, proxies, control):
        """Whom to ask from now on; Prometheus sees the change of the files by itself."""
        write_targets(self.folder / "targets" / "proxies.yml", proxies)
        write_targets(self.folder / "targets" / "control.yml", control)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self):
        assert self.running, self.tail()
        try:
            return fetch(self.port, "/-/ready").status == 200
        except OSError:
            return False

    def get(self, target):
        return json.loads(fetch(self.port, target, headers={"connection": "close"}).body)

    def query(self, expression):
        """The results of an instant query: labels and value each, without those that are NaN."""
        answer = self.get("/api/v1/query?query=" + urllib.parse.quote(expression))
        assert answer["status"] == "success", f"{expression}: {answer}"
        return [(result["metric"], float(result["value"][1])) for result in answer["data"]["result"]
                if result["value"][1] != "NaN"]

    def rules(self):
        """Each rule as Prometheus has loaded it."""
        return [rule for group in self.get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]


def write_targets(path, targets):
    draft = path.with_suffix(".draft")
    draft.write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{port}"], "labels": {"proxy": name}}
                                    for name, port in targets.items()]))
    draft.rename(path)
