"""A program that writes and looks after a store until it is killed.

``python killed_writer.py SCENARIO FOLDER SEED`` notes in ``FOLDER/log`` when it begins to write
a value and when it was told that it is written.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

import zarr_backends as zb

KEYS = [f"c/{i}" for i in range(12)]


def store_of(scenario: str, folder: Path) -> Any:
    """Return the store of a scenario, and what looks after it."""
    places = [{"storage": "filesystem", "path": f"{folder}/{name}"} for name in "abc"]
    create = zb.get_backend(scenario).create
    if scenario == "tiered":
        inner = dict(zip(("hot", "warm", "cold"), places, strict=True))
        store = create(inner=inner, limits={"hot": 0.0, "warm": 0.0})
        return store, store.migrate
    if scenario == "replicated":
        store = create(inner=dict(zip(("near", "far"), places[:2], strict=True)))
        return store, store.repair
    if scenario == "cache":
        store = create(inner=places[0], on=places[1], max_nbytes=50_000)
        return store, lambda: [store.get(key) for key in KEYS]
    store = create(inner=places[0], grace_s=0.2)
    return store, store.sweep


def value_of(number: int) -> Any:
    """Return a value; a few numbers have the same one, all others their own."""
    return b"%d " % number * 2000


def main(scenario: str, folder: Path, seed: int) -> None:
    """Write for ever."""
    store, look_after = store_of(scenario, folder)
    chance = random.Random(seed)  # noqa: S311  # not for secrecy
    with Path(folder, "log").open("a", buffering=1) as log:
        while True:
            key, number = chance.choice(KEYS), time.time_ns()
            log.write(f"begin {key} {number}\n")
            store.set(key, value_of(number))
            log.write(f"end {key} {number}\n")
            if chance.random() < 0.3:
                look_after()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
