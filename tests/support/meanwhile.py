"""What goes on beside a test."""

import threading


class Meanwhile:
    """Calls `step` again and again in a thread of its own, as long as the `with` block runs."""

    def __enter__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _run(self):
        while not self.over.wait(0.01):
            self.step()
