"""A real Chromium, driven over the WebDriver protocol: Debian's chromium and chromium-driver, no Python package."""

import base64
import contextlib
import http.client
import json
import re
import shutil
import tempfile

from support.proxy import Process
from support.waiting import wait_until

# A closed network, a container without user namespaces, and nobody who needs to be asked anything.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # The protocol's own name for a reference to an element.
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": "\ue00d", "Shift": "\ue008"}


class Browser:
    """One window. Every request it makes and everything it writes to its console is remembered."""

    def __init__(self, width=1200, height=900, dark=False):
        self.profile = tempfile.mkdtemp(prefix="remora-test-chromium-")
        self.driver = Process("chromedriver", [self.installed("chromedriver"), "--port=0"])
        self.port = wait_until(self.announced_port, lambda: f"chromedriver's port:\n{self.driver.tail()}")
        options = {"args": [*FLAGS, f"--user-data-dir={self.profile}", f"--window-size={width},{height}"],
                   "binary": self.installed("chromium")}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = f"/session/{answer['sessionId']}"
        self.console, self.requests = [], []
        self.set_media(dark)

    @staticmethod
    def installed(name):
        path = shutil.which(name)
        if not path:
            raise FileNotFoundError(f"{name} is not installed: ./dev setup")
        return path

    def announced_port(self):
        assert self.driver.running, self.driver.tail()
        found = re.search(r"started successfully on port (\d+)", self.driver.log)
        return int(found.group(1)) if found else 0

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def command(self, path, **body):
        return self.call("POST", self.session + path, body)

    def devtools(self, name, **parameters):
        return self.command("/goog/cdp/execute", cmd=name, params=parameters)

    def close(self):
        with contextlib.suppress(OSError, AssertionError, ValueError):
            self.call("DELETE", self.session)
        self.driver.stop()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        self.command("/url", url=url)

    def run(self, script, *arguments):
        """What a function body returns in the page."""
        return self.command("/execute/sync", script=script, args=list(arguments))

    def text(self, selector="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait(self, script, what):
        return wait_until(lambda: self.run(f"return {script}"), lambda: f"{what}; the page shows:\n{self.text()}")

    def wait_text(self, words, selector="body"):
        return wait_until(lambda: words in self.text(selector), lambda: f"{words!r} in:\n{self.text(selector)}")

    def press(self, *keys):
        """Keys go where the focus is, as from a keyboard."""
        actions = []
        for key in keys:
            parts = [KEYS.get(part, part) for part in key.split("+")]
            actions += [{"type": "keyDown", "value": part} for part in parts]
            actions += [{"type": "keyUp", "value": part} for part in reversed(parts)]
        self.command("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def resize(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def set_media(self, dark):
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def screenshot(self, path, whole=False):
        picture = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))

    def logs(self):
        """Takes what has been logged since: (console messages, URLs that were asked for), all of this window."""
        self.console += [(entry["level"], entry["message"]) for entry in self.command("/se/log", type="browser")]
        for entry in self.command("/se/log", type="performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return self.console, self.requests
