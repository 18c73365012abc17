"""Clients in processes of their own against one server: requests a second, errors, leaks.

    python benchmarks/endurance.py --seconds 60

Four processes with sixteen requests in flight each write and read 80 kB chunks of a served
``filesystem`` array, half and half. The server's memory and descriptors are looked at when it
is warm and at the end. Beside it, uvicorn answers the same clients with nothing at all.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import httpx
import uvicorn

from zarr_backends_http import HttpBackend

PROCESSES, THREADS, NBYTES = 4, 16, 80_000


async def empty(scope, receive, send) -> None:  # noqa: ANN001, ARG001  # as ASGI has it
    """Answer with nothing."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def use(url: str, number: int, seconds: float) -> tuple[int, list[str]]:
    """Write and read chunks, each thread its own; return requests and errors."""
    backend = HttpBackend.create(base_url=url, array_id=f"array/{number}")
    end, counts, errors = time.monotonic() + seconds, [0] * THREADS, list[str]()

    def work(i: int) -> None:
        try:
            while time.monotonic() < end:
                value = bytes([counts[i] % 251]) * NBYTES
                backend.set(f"c/{i}", value)
                if bytes(backend.get(f"c/{i}") or b"") != value:
                    errors.append("another value was read")
                counts[i] += 2
        except Exception as error:  # noqa: BLE001  # every one is counted
            errors.append(repr(error))

    in_threads(work)
    backend.close()
    return sum(counts), errors


def ask(url: str, number: int, seconds: float) -> tuple[int, list[str]]:  # noqa: ARG001
    """Ask for nothing; return requests and errors."""
    end, counts = time.monotonic() + seconds, [0] * THREADS
    with httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None)) as client:

        def work(i: int) -> None:
            while time.monotonic() < end:
                client.get(url)
                counts[i] += 1

        in_threads(work)
    return sum(counts), []


def in_threads(work) -> None:  # noqa: ANN001
    """Do something in every thread."""
    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def server(*command: str) -> Iterator[tuple[int, str]]:
    """Run a server; give its process id and url."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            match = re.search(r"http://\S+", process.stdout.readline())  # type: ignore[union-attr]
            yield process.pid, match[0]  # type: ignore[index]
        finally:
            process.terminate()


def state(pid: int) -> tuple[float, int]:
    """Return resident MB and open descriptors of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000, len(os.listdir(f"/proc/{pid}/fd"))  # type: ignore[index]  # noqa: PTH208


def load(function, url: str, seconds: float) -> tuple[float, list[str]]:  # noqa: ANN001
    """Let all clients work; return requests a second and errors."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        done = [pool.submit(function, url, i, seconds) for i in range(PROCESSES)]
        results = [future.result() for future in done]
    return sum(n for n, _ in results) / seconds, [e for _, errors in results for e in errors]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--empty", action="store_true", help="serve nothing")
    given = parser.parse_args()
    if given.empty:
        listener = uvicorn.Config(empty, port=0, log_config=None).bind_socket()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(empty, log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])
        return
    with server(__file__, "--empty") as (_, url):
        rate, _ = load(ask, url, min(10, given.seconds))
    print(f"uvicorn, empty response: {rate:,.0f} requests/s")
    serve = ("-m", "zarr_backends_http", "serve", "filesystem", "--quiet", "--port", "0")
    with tempfile.TemporaryDirectory() as path, server(*serve, "-o", f"path={path}") as (pid, url):
        load(use, url, min(5, given.seconds))
        before = state(pid)
        rate, errors = load(use, url, given.seconds)
        time.sleep(1)
        after = state(pid)
    print(f"{NBYTES:,}-byte chunks, half written, half read: {rate:,.0f} requests/s")
    print(f"{rate * NBYTES / 1e6:,.0f} MB/s; errors: {len(errors)} {errors[:3]}")
    print(f"server: {before[0]:.0f} MB, {before[1]} descriptors before; ", end="")
    print(f"{after[0]:.0f} MB, {after[1]} descriptors after")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
