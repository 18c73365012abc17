"""What the checks of processes stand on: stamped values, ledgers, other processes, probes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from zarr_backends import ChunkNotFoundError
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends_compliance import trial
from zarr_backends_compliance._elsewhere import elsewhere
from zarr_backends_compliance._kernel.process_probe import other_processes_reach
from zarr_backends_compliance._kernel.racing import processes
from zarr_backends_compliance._kernel.target import find_target
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import Violation
from zarr_backends_compliance._mutants.handing_over import PicklesTheData, UnpicklableLock
from zarr_backends_compliance._mutants.reference import Reference
from zarr_backends_compliance._tools.held_options import holds
from zarr_backends_compliance._tools.killing import Ledger
from zarr_backends_compliance._tools.stamps import LEAST_NBYTES, number_of, stamped


@pytest.mark.parametrize("nbytes", [LEAST_NBYTES, 100, 81_920])
def test_a_stamped_value_tells_its_number(nbytes: int) -> None:
    """Whole, it has its length and number."""
    value = stamped(7, nbytes)
    assert len(value) == nbytes
    assert number_of(memoryview(value)) == 7


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        stamped(1)[:-1],
        stamped(1) + b"x",
        stamped(1)[:500] + stamped(2)[500:],
        stamped(1)[:500] + bytes(500),
        stamped(1, 2000)[:1000],
    ],
)
def test_a_torn_value_is_told(torn: bytes) -> None:
    """Cut, longer, or of two writes."""
    with pytest.raises(Violation, match="is torn"):
        number_of(torn)


def note(word: str, number: int | None, *chunks: int) -> list[Any]:
    """Return a note of a writer."""
    return [word, number, list(chunks), 0.0]


def test_a_ledger_allows_the_old_or_the_new_of_what_was_only_begun() -> None:
    """And, once it was seen, that one alone."""
    for seen in (1, 2):
        ledger = Ledger(2)
        ledger.read([note("begin", 1, 0), note("end", 1, 0), note("begin", 2, 0)])
        ledger.compare([seen, None])
        with pytest.raises(Violation, match=f"it had to be {seen}"):
            ledger.compare([3 - seen, None])


def test_a_ledger_misses_what_was_acknowledged() -> None:
    """A write that ended has to be there, a deletion too."""
    ledger = Ledger(1)
    ledger.read([note("begin", 1, 0), note("end", 1, 0)])
    with pytest.raises(Violation, match="is absent; by what was acknowledged it had to be 1"):
        ledger.compare([None])


def test_instances_elsewhere_answer_and_raise() -> None:
    """Buffers and errors come back from the other process."""
    with trial("filesystem") as t, elsewhere(t) as other:
        there = other.create()
        there.write_chunk((1,), b"x")
        assert bytes(t.create().read_chunk((1,))) == b"x"
        assert there.read_chunk((1,)) == b"x"
        assert there.list_chunks() == [(1,)]
        with pytest.raises(ChunkNotFoundError) as caught:
            there.read_chunk((2,))
        assert caught.value.index == (2,)


def number_and_more(_: Trial, i: int, more: int) -> int:
    """Return a number."""
    return i + more


def test_processes_that_begin_together_return_in_order() -> None:
    """Each gets its number."""
    with trial("memory") as t:
        assert processes(t, 3, number_and_more, 10) == [10, 11, 12]


class RefusesToBePickled(MemoryBackend):
    """An array in memory that says so when it is pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse."""
        message = "it is in the memory of this process"
        raise TypeError(message)


REACHED = {
    "memory": False,
    "filesystem": True,
    "zip": True,
    f"{Reference.__module__}:Reference": True,
    f"{UnpicklableLock.__module__}:UnpicklableLock": True,
    f"{PicklesTheData.__module__}:PicklesTheData": False,
    f"{__name__}:RefusesToBePickled": False,
}


@pytest.mark.parametrize("target", REACHED)
def test_only_who_says_so_is_out_of_reach(target: str, tmp_path: Path) -> None:
    """An instance that cannot be pickled is no excuse where `open` finds the array."""
    found = find_target(target, {}, tmp_path)
    assert other_processes_reach(found, str(tmp_path)) is REACHED[target]


class Slotted:
    """Holds something without a dictionary."""

    __slots__ = ("inner",)


def test_options_are_found_where_an_instance_holds_them() -> None:
    """In attributes, slots, mappings and tuples; after pickling as well."""
    slotted = Slotted()
    slotted.inner = {"client": ("host", 17.0625)}
    assert holds(slotted, 17.0625)
    assert not holds(slotted, 17.5)
    backend = Reference.create(path="x", timeout_s=17.0625)
    assert holds(pickle.loads(pickle.dumps(backend)), 17.0625)
