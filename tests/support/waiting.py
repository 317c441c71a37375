"""Waiting for a condition with a deadline: the only way these tests let time pass."""

import os
import threading
import time

DEADLINE = float(os.environ.get("REMORA_TEST_DEADLINE", "20"))  # Seconds; only a test that fails ever waits so long.
POLL = 0.01


def wait_until(condition, what, deadline=DEADLINE):
    """Calls `condition` until it returns something true, and returns that; fails loudly after `deadline` seconds.

    `what` says what was awaited; it may be a function, called only when the wait fails, to show the last state.
    """
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline:g} s still not true: {what() if callable(what) else what}")
        time.sleep(POLL)


def later(call):
    """Begins a call that waits for something; what comes back waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()

    def join():
        thread.join(DEADLINE)
        return results[0]

    return join
