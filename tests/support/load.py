"""Steady traffic beside a test, with every answer remembered."""

import threading

from support.http_client import Client
from support.waiting import wait_until


class Load:
    """Keeps asking on several connections as long as the `with` block runs."""

    def __init__(self, port, host="test.local", connections=4):
        self.answers = []  # The bodies, as text.
        self.failures = []  # Responses other than 200, and exceptions.
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(port, host)) for _ in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.answers) > 50 or self.failures, "the load under way")
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, port, host):
        try:
            with Client(port) as client:
                while not self.over.is_set():
                    response = client.request(host=host)
                    self.answers.append(response.text)
                    if response.status != 200:
                        self.failures.append(response)
        except Exception as error:  # Whatever it is, it is a request that was lost.
            self.failures.append(error)

    def wait_for(self, name, count=50):
        """Waits for `count` more answers of one upstream."""
        begin = len(self.answers)
        wait_until(lambda: self.failures or self.answers[begin:].count(name) >= count, f"{count} answers of {name}")

    def assert_nothing_lost(self):
        assert not self.failures, f"{len(self.failures)} lost beside {len(self.answers)} answers: {self.failures[:3]}"
