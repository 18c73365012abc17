"""Malformed requests against one server: none may crash it, hang it, or be a failure of its own.

    python benchmarks/malformed.py --number 100000

Requests are made of parts that are wrong in some way, and broken at a random byte, so that
some are no HTTP at all. Every answer with a status of 500 or more is counted and shown; at the
end the server has to be healthy and to hold what it held.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress

import httpx

TASKS = 16

METHODS = ["GET", "PUT", "DELETE", "HEAD", "POST", "PATCH", "OPTIONS", "get", "", "\x00", "G" * 300]
IDS = [
    "a",
    "a%2Fb",
    "%2E%2E",
    "..%2f..%2fetc",
    "%00",
    "%FF",
    "a" * 5000,
    "",
    "%",
    "%zz",
    "\xff",
    ".",
]
TAILS = [
    "", "/", "/metadata", "/chunks", "/keys", "/names", "/read", "/chunks/0,0", "/chunks/()",
    "/chunks/-1", "/chunks/0,,", "/chunks/" + "9" * 400, "/keys/zarr.json", "/keys/c/0/0",
    "/keys/../../x", "/keys//", "/keys/%2e%2e/x", "/keys/" + "k/" * 900 + "k", "/keys/a%00b",
    "/keys?prefix=%ff", "/keys?limit=-1", "/keys?limit=1e9&after=%00", "/chunks?after=1,x&limit=1",
    "/names?prefix=../", "?", "#", "/\u00e4", "/keys/.x.zb-tmp", "/keys/.zarray", "/keys?prefix=",
]  # fmt: skip
HEADERS = [
    "Range: bytes=5-1", "Range: bytes=-0", "Range: bytes=99999999999999999999-", "Range: x",
    "If-Match: ,", "If-None-Match: W/", 'If-Match: "x', "If-None-Match: *", "If-Match: *",
    "Content-Length: -1", "Content-Length: 99999999999999", "Content-Length: x",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Type: \xff", "Host:",
    "Accept: application/x-ndjson", "Expect: 100-continue", "Authorization: Bearer \xff\xfe",
    "Connection: close", "X: " + "y" * 70_000, "NoColon", ": empty", "A\x00: b",
]  # fmt: skip
BODIES = [
    b"", b"{", b"[]", b'{"zarr_format": 3}', b'{"zarr_format": 2, "shape": "x"}', b"\xff" * 100,
    b"[" * 5000, b'{"keys": [""]}', b'{"chunks": [[1e400]]}', b'{"chunks": [[-1]]}', b"5\r\nab",
    b'{"keys": ["\\ud800"]}', b"0\r\n\r\n", b'{"keys": ["a", "b"]}',
    b'{"zarr_format": 3, "chunk_key_encoding": {"name": 5}}',
    b'{"zarr_format": 3, "chunk_key_encoding": 7}', b'{"zarr_format": 2, "shape": 3}',
    b'{"zarr_format": 2, "dimension_separator": 8}',
    b'{"zarr_format": 3, "shape": [' + b"9" * 5000 + b"]}", b'{"zarr_format":2,"attributes":[1]}',
]  # fmt: skip


def request(rng: random.Random) -> bytes:
    """Return something that is hardly a request."""
    target = "/arrays/" + rng.choice([*IDS, *["b"] * 9]) + rng.choice(TAILS)
    body = rng.choice(BODIES)
    method = rng.choice(METHODS if rng.random() < 0.2 else METHODS[:5])  # noqa: PLR2004
    version = rng.choice("09x") if rng.random() < 0.05 else "1"  # noqa: PLR2004
    lines = [f"{method} {target} HTTP/1.{version}", "Host: h"]
    lines += rng.sample(HEADERS, rng.choice([0, 0, 0, 0, 1, 2]))
    if rng.random() < 0.95:  # noqa: PLR2004
        lines.append(f"Content-Length: {len(body)}")
    whole = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + body
    if rng.random() < 0.1:  # noqa: PLR2004
        i = rng.randrange(len(whole))
        whole = whole[:i] + rng.randbytes(rng.randrange(4)) + whole[i + rng.randrange(3) :]
    return whole[: rng.randrange(len(whole))] if rng.random() < 0.05 else whole  # noqa: PLR2004


async def answer_to(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the answer; a server that waits for the rest of a request is told there is none."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(reader.read(4096), 1)
    writer.write_eof()
    return await asyncio.wait_for(reader.read(4096), 20)


async def attack(port: int, number: int, seed: int, statuses: Counter[str]) -> None:
    """Send requests, each on a connection of its own."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(number):
        sent = request(rng)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        status = "closed"
        try:
            writer.write(sent)
            answer = await answer_to(reader, writer)
            match = re.match(rb"HTTP/1.1 (\d+)", answer)
            status = match[1].decode() if match else "closed"
        except TimeoutError:
            status = "HANGS"
        except OSError:
            pass
        finally:
            writer.transport.abort()
        if status >= "500" and status != "closed":
            print(status, sent[:300])
        statuses[status] += 1


async def attack_all(port: int, number: int) -> Counter[str]:
    """Send requests from several tasks."""
    statuses: Counter[str] = Counter()
    await asyncio.gather(*(attack(port, number // TASKS, i, statuses) for i in range(TASKS)))
    return statuses


def main() -> None:
    """Attack a server and look at it afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, default=100_000)
    number = parser.parse_args().number
    command = [sys.executable, "-m", "zarr_backends_http", "serve", "filesystem", "--quiet"]
    with tempfile.TemporaryDirectory() as path:
        process = subprocess.Popen(
            [*command, "--port", "0", "-o", f"path={path}"], stdout=subprocess.PIPE, text=True
        )
        try:
            url = re.search(r"http://\S+", process.stdout.readline())[0]  # type: ignore[index,union-attr]
            httpx.put(f"{url}/arrays/held/keys/k", content=b"held")
            statuses = asyncio.run(attack_all(int(url.rpartition(":")[2]), number))
            print(dict(sorted(statuses.items())))
            held = httpx.get(f"{url}/arrays/held/keys/k", timeout=30).content == b"held"
            healthy = httpx.get(f"{url}/health", timeout=10).status_code == httpx.codes.OK
            bad = sum(n for status, n in statuses.items() if status >= "500" and status != "closed")
            print(f"{statuses.total():,} requests; healthy: {healthy}; held: {held}; bad: {bad}")
            sys.exit(0 if healthy and held and not bad else 1)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
