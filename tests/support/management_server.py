"""go-control-plane as the management server: tests/tools/management_server, with every request on record."""

import json
import pathlib
import queue
import subprocess
import threading

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, VIRTUAL_HOSTS
from support.waiting import wait_until

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "tools" / "management_server"


class ManagementServer:
    """Serves the snapshot that `set` was given last. `ads`: the order that ADS demands is kept."""

    def __init__(self, ads=True, port=0):
        self.process = subprocess.Popen([PROGRAM, f"-ads={str(ads).lower()}", f"-port={port}"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.requests = []
        self.replies = queue.Queue()
        self.version = 0
        self.resources = {}
        threading.Thread(target=self.read, daemon=True).start()
        self.port = self.replies.get(timeout=20)["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "type_url" in event:
                self.requests.append(event)
            else:
                self.replies.put(event)

    def set(self, clusters=None, endpoints=None, listeners=None, routes=None, hosts=None):
        """Replaces the resources of the types that are given, and serves the whole as a new snapshot."""
        for url, given in ((CLUSTERS, clusters), (ENDPOINTS, endpoints), (LISTENERS, listeners), (ROUTES, routes),
                           (VIRTUAL_HOSTS, hosts)):
            if given is not None:
                self.resources[url] = given
        self.version += 1
        self.process.stdin.write(json.dumps({"version": str(self.version), "resources": self.resources}) + "\n")
        self.process.stdin.flush()
        assert self.replies.get(timeout=20)["set"] == str(self.version)

    def requests_of(self, url, condition=lambda request: True):
        return [request for request in list(self.requests) if request["type_url"] == url and condition(request)]

    def wait_request(self, url, condition, what):
        """Waits for a request of a type that meets a condition; returns the newest."""
        return wait_until(lambda: self.requests_of(url, condition), lambda: f"{what}; got {self.requests_of(url)}")[-1]

    def wait_refusal(self, url):
        return self.wait_request(url, lambda request: request.get("error"), "a NACK")["error"]
