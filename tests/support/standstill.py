"""One thread of a process that stands still, as long as a `with` block runs: held by ptrace, whatever it was doing."""

import ctypes
import os
import pathlib

from support.waiting import wait_until

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # of waitpid: threads as well
LIBC = ctypes.CDLL(None, use_errno=True)


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def thread_of(process, name):
    """The number of the thread of that name; the main thread's is the process' own."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task")
    named = [task for task in tasks.iterdir() if (task / "comm").read_text().strip() == name]
    assert len(named) == 1, f"{name} among {[(task / 'comm').read_text().strip() for task in tasks.iterdir()]}"
    return int(named[0].name)


class Standstill:
    def __init__(self, process, *threads):
        self.process = process
        self.threads = [thread_of(process, name) if isinstance(name, str) else name for name in threads]

    def __enter__(self):
        for thread in self.threads:
            ptrace(PTRACE_SEIZE, thread)
            ptrace(PTRACE_INTERRUPT, thread)
            wait_until(lambda one=thread: os.waitpid(one, WALL)[0] == one, f"thread {thread} stands still")
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            ptrace(PTRACE_DETACH, thread)

    def died(self):
        """Waits for the end of the process, which comes while they stand still: its dead threads are first told to whoever holds them."""
        for thread in self.threads:
            wait_until(lambda one=thread: not os.WIFSTOPPED(os.waitpid(one, WALL)[1]), f"thread {thread} is dead")
        return self.process.wait()
