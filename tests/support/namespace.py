"""A network namespace with nothing in it but loopback, and names of its own: any port is free, any name is ours."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

INSIDE = "REMORA_TEST_NAMESPACE"
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


def available():
    """Whether this machine lets us make one."""
    return shutil.which("unshare") is not None and subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0


def run_inside(test, hosts, folder, seconds):
    """Runs one test of pytest in a new namespace; `hosts` are names that mean 127.0.0.1 there."""
    names = folder / "hosts"
    names.write_text(f"127.0.0.1 localhost {' '.join(hosts)}\n")
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", test]
    child = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c",
         'mount --bind "$0" /etc/hosts && exec "$@"', names, *command],
        env={**os.environ, INSIDE: "yes"}, capture_output=True, text=True, timeout=seconds)
    assert child.returncode == 0, child.stdout[-5000:] + child.stderr[-2000:]


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
