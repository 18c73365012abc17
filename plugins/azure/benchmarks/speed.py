"""How much time small blobs take: ours, and adlfs by itself, on Azurite.

    python benchmarks/speed.py [repetitions]

Prints the best of the repetitions (5 by default), which take turns. Azurite has a process of
its own, so that the processor time is that of the client.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from adlfs import AzureBlobFileSystem

from zarr_backends_azure import AzureBlobBackend
from zarr_backends_compliance.services import Service, serve

N = 100
NBYTES = 80_000


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Return processor time and elapsed time for one blob, in milliseconds."""
    began, began_cpu = time.perf_counter(), time.process_time()
    work()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return cpu * 1000 / N, elapsed * 1000 / N


def works(service: Service) -> dict[str, Callable[[], Any]]:
    """Return what is measured."""
    values = {f"c/{i}": os.urandom(NBYTES) for i in range(N)}
    names = ("account_name", "account_key", "container")
    options = {name: service.options[name] for name in names}
    backend = AzureBlobBackend.create(**options, endpoint_url=service.url, prefix="ours")
    fs = AzureBlobFileSystem(connection_string=service.options["connection_string"])
    paths = {f"{options['container']}/adlfs/{key}": value for key, value in values.items()}
    return {
        "write, ours": lambda: backend.set_many(values),
        "write, adlfs": lambda: fs.pipe(paths, batch_size=64),
        "read, ours": lambda: backend.get_many(list(values)),
        "read, adlfs": lambda: fs.cat(list(paths), batch_size=64),
        "list, ours": lambda: list(backend.list_keys()),
        "delete, ours": lambda: backend.delete_many(list(values)),
    }


def main() -> None:
    """Measure and print a table."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with serve("azurite") as service:
        found: dict[str, list[tuple[float, float]]] = {}
        things = works(service)
        for _ in range(repetitions):
            for name, work in things.items():
                found.setdefault(name, []).append(measured(work))
    print(f"| {N} x {NBYTES // 1000} KB, ms for each | processor | elapsed |\n|---|---|---|")
    for name, times in found.items():
        cpu, elapsed = (min(column) for column in zip(*times, strict=True))
        print(f"| {name} | {cpu:.2f} | {elapsed:.2f} |")


if __name__ == "__main__":
    main()
