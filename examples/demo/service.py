#!/usr/bin/env python3
"""The small HTTP service of the demo: one version, one instance of it.

    service.py --port 9001 --version v1 --instance v1-a

GET  /headers    the request's headers as JSON
GET  /counters   how many requests came, how many of them were mirrored copies, how many were failed on purpose
POST /behaviour  {"fail": 500} answers everything else with that status from now on; {"fail": null} ends it
any other path   who answered; the response headers x-version and x-instance say the same
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass

_MAX_HEAD = 65536
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Counters:
    requests: int = 0
    mirrored: int = 0
    failed: int = 0


class Service:
    def __init__(self, version: str, instance: str):
        self._version = version
        self._instance = instance
        self._fail: int | None = None
        self._counters = Counters()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests one after the other, until the client has had enough."""
        try:
            while (request := await _read_request(reader)) is not None:
                method, path, headers, body = request
                status, answer = self._answer(method, path, headers, body)
                writer.write(self._response(status, answer, head_only=method == "HEAD"))
                await writer.drain()
                if headers.get("connection", "").lower() == "close":
                    break
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # not HTTP as this service speaks it, or the client is gone: either way the connection ends
        finally:
            writer.close()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict]:
        if path == "/counters":
            return 200, asdict(self._counters)
        if path == "/behaviour" and method == "POST":
            return self._behave(body)
        self._counters.requests += 1
        # A mirrored copy is told by its host: Envoy and Istio append "-shadow" to it.
        if headers.get("host", "").partition(":")[0].endswith("-shadow"):
            self._counters.mirrored += 1
        if self._fail is not None:
            self._counters.failed += 1
            return self._fail, {"instance": self._instance, "error": "told to fail"}
        if path == "/headers":
            return 200, headers
        return 200, {"version": self._version, "instance": self._instance}

    def _behave(self, body: bytes) -> tuple[int, dict]:
        wish = json.loads(body).get("fail")
        if wish is not None and wish not in range(400, 600):
            return 400, {"error": "fail must be a status from 400 to 599, or null"}
        self._fail = wish
        return 200, {"fail": self._fail}

    def _response(self, status: int, answer: dict, head_only: bool) -> bytes:
        body = json.dumps(answer).encode() + b"\n"
        head = (f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nx-version: {self._version}\r\nx-instance: {self._instance}\r\n\r\n")
        return head.encode() + (b"" if head_only else body)


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    """The next request, or None where the client has closed between two."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head[:-4].split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        return method, path, headers, await _read_chunks(reader)
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return body


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--instance", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.version, arguments.instance)
    server = await asyncio.start_server(service.serve, arguments.address, arguments.port, limit=_MAX_HEAD)
    print(f"{arguments.instance} ({arguments.version}) listens on {arguments.address}:{arguments.port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
