"""One request by curl, over whatever the proxy speaks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from load.certificates import NAME
from load.ends import Ends


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str


def get(url: str, ends: Ends, *options: str) -> Reply | None:
    """The answer, or None if there was none."""
    words = ["curl", "--silent", "--max-time", "5", "--include", *_protocol(ends), *options]
    if ends.client_tls:
        host, _, rest = url.removeprefix("https://127.0.0.1:").partition("/")
        url = f"https://{NAME}:{host}/{rest}"
        words += ["--connect-to", f"{NAME}:{host}:127.0.0.1:{host}", "--cacert", str(ends.certificates.authority)]
        if ends.mutual:
            words += ["--cert", str(ends.certificates.leaf), "--key", str(ends.certificates.key)]
    run = subprocess.run([*words, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    if run.returncode != 0:
        return None
    head, _, body = run.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.splitlines()
    version, status = first.split()[:2]
    if version != {"h1": "HTTP/1.1", "h2": "HTTP/2"}[ends.client]:
        return None
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Reply(int(status), headers, body)


def _protocol(ends: Ends) -> list[str]:
    if ends.client == "h1":
        return ["--http1.1"]
    return ["--http2"] if ends.client_tls else ["--http2-prior-knowledge"]
