"""The examples run, and show what they say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "examples"


def main_of(name: str) -> Any:
    """Return the function `main` of an example."""
    return runpy.run_path(str(_FOLDER / f"{name}.py"))["main"]


def test_the_second_run_reads_from_the_disk() -> None:
    """What the first one had to ask the bucket for."""
    first, second = main_of("laptop_cache")()
    assert first.misses > 64
    assert second.misses == 0
    assert second.hits >= 64


def test_the_analysis_is_the_same_at_every_stage() -> None:
    """Only the place differs."""
    results = main_of("development_to_production")()
    assert set(results) == {"development", "test", "production"}
    assert len(set(results.values())) == 1


def test_one_region_may_be_down() -> None:
    """Nothing is lost, and the other one catches up."""
    told = main_of("two_regions")()
    assert told[1] == "with eu down, us reads 96; behind: ['eu']"
    assert told[3] == "eu alone reads 96"


def test_an_unreliable_store_is_read_and_written() -> None:
    """Until it is gone: then calls fail at once."""
    told = main_of("unreliable_store")()
    assert told[0].endswith("the array is right: True")
    assert told[3].startswith("CircuitOpenError")
    assert told[-1] == "the circuit is closed"
