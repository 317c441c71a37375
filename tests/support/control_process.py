"""What a running `remora-control` is asked, whatever it keeps its objects in."""

import json

from support.http_client import fetch
from support.proxy import Process
from support.waiting import wait_until


class ControlProcess(Process):
    """Subclasses start it and set `admin_port`."""

    def address_in(self, path):
        """The port of an address file, 0 where nothing is written there yet."""
        assert self.running, f"remora-control ended at start:\n{self.tail()}"
        text = path.read_text().strip() if path.exists() else ""
        return int(text.rpartition(":")[2]) if text else 0

    def wait_address(self, path):
        return wait_until(lambda: self.address_in(path), lambda: f"{path}:\n{self.tail()}")

    def admin(self, target):
        return fetch(self.admin_port, target, headers={"connection": "close"}, host="admin")

    def findings(self):
        """What it says is wrong with the objects: errors and warnings with file, line, resource and path."""
        response = self.admin("/debug/errors")
        assert response.status == 200, response
        return json.loads(response.body)

    def wait_finding(self, *words):
        """Waits for a finding that holds all these words."""
        return wait_until(lambda: next((finding for finding in self.findings()
                                        if all(word in json.dumps(finding) for word in words)), None),
                          lambda: f"a finding about {words}; there are {self.findings()}")
