#!/usr/bin/env python3
"""load.py URL HOST: some requests a second through the sidecar, and every two seconds a line that says who answered."""

import http.client
import sys
import time
import urllib.parse
from collections import Counter

RATE = 50
EVERY_S = 2.0


def ask(connection: http.client.HTTPConnection, path: str, host: str) -> str:
    """The version that answered, or what went wrong."""
    try:
        connection.request("GET", path, headers={"host": host})
        reply = connection.getresponse()
        reply.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__
    return reply.getheader("x-version", "") if reply.status == 200 else f"status {reply.status}"


def main() -> None:
    url, host = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    counts: Counter[str] = Counter()
    told = time.monotonic()
    while True:
        counts[ask(connection, url.path, host)] += 1
        if time.monotonic() - told >= EVERY_S:
            print(", ".join(f"{who}: {number}" for who, number in sorted(counts.items())), flush=True)
            counts.clear()
            told = time.monotonic()
        time.sleep(1 / RATE)


if __name__ == "__main__":
    main()
