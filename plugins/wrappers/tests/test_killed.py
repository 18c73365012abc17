"""Processes that are killed at random moments: nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import killed_writer
import pytest

_KILLS = 50 if os.environ.get("ZARR_BACKENDS_LONG") else 3


def allowed_values(log: Path) -> Any:
    """Return, by key, the last value that was acknowledged and those that were begun later."""
    allowed = {}
    for line in log.read_text().splitlines():
        # A note that was cut off in the middle is of a write that was only begun.
        what, key, number = line.split()
        value = killed_writer.value_of(int(number))
        if what == "begin":
            allowed.setdefault(key, [None]).append(value)
        else:
            allowed[key] = [value]
    return allowed


def run_and_kill(scenario: str, folder: Path, seed: int) -> None:
    """Let a writer write for a while, and kill it."""
    command = [sys.executable, killed_writer.__file__, scenario, str(folder), str(seed)]
    log = Path(folder, "log")
    size = log.stat().st_size if log.exists() else 0
    with subprocess.Popen(command) as process:
        while not log.exists() or log.stat().st_size < size + 200:
            assert process.poll() is None
            time.sleep(0.01)
        chance = random.Random(seed)  # noqa: S311  # not for secrecy
        time.sleep(chance.uniform(0, 0.4))
        process.kill()


@pytest.mark.parametrize("scenario", ["tiered", "replicated", "content_addressed", "cache"])
def test_nothing_is_lost_when_a_process_is_killed(scenario: str, tmp_path: Path) -> None:
    """Writing, migrating, repairing, sweeping and caching, again and again at one place."""
    for seed in range(_KILLS):
        run_and_kill(scenario, tmp_path, seed)
        store, look_after = killed_writer.store_of(scenario, tmp_path)
        for _ in range(2):
            for key, values in allowed_values(tmp_path / "log").items():
                found = store.get(key)
                assert (found if found is None else bytes(found)) in values, (seed, key)
            look_after()
        store.close()


def test_replicas_are_equal_after_a_repair(tmp_path: Path) -> None:
    """Also those that a killed writer left behind."""
    for seed in range(_KILLS):
        run_and_kill("replicated", tmp_path, seed)
        store, repair = killed_writer.store_of("replicated", tmp_path)
        repair()
        assert repair().differences == ()
        near, far = store.inners()
        assert {k: bytes(near.get(k)) for k in near.list_keys()} == {
            k: bytes(far.get(k)) for k in far.list_keys()
        }
        store.close()
