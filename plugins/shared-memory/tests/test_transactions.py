"""Transactions: one state is read, what is changed is changed together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from zarr_backends import BackendTimeoutError, ConfigurationError
from zarr_backends_shared_memory import SharedMemoryBackend

Start = Callable[[str], Any]
Place = dict[str, Any]


def test_a_read_only_transaction_is_one_state(backend: SharedMemoryBackend, place: Place) -> None:
    """Whatever others write meanwhile."""
    backend.set_many({"a": b"1", "b": b"1"})
    beside = SharedMemoryBackend.create(**place)
    with backend.transaction(read_only=True):
        beside.set_many({"a": b"2", "b": b"2", "c": b"2"})
        assert backend.get_many(["a", "b", "c"]) == [b"1", b"1", None]
        assert sorted(backend.list_keys()) == ["a", "b"]
        with pytest.raises(ConfigurationError, match="read_only"):
            backend.set("a", b"3")
    assert backend.get("a") == b"2"


def test_another_instance_of_the_same_thread_is_told_at_once(
    backend: SharedMemoryBackend, place: Place
) -> None:
    """It would wait for itself for ever."""
    beside = SharedMemoryBackend.create(**place)
    with backend.transaction():
        backend.set("a", b"1")
        with pytest.raises(ConfigurationError, match="wait for itself"):
            beside.set("a", b"2")
    assert beside.get("a") == b"1"


def test_a_transaction_that_does_not_end_stops_others_for_timeout_s(
    backend: SharedMemoryBackend, place: Place
) -> None:
    """They are told why; readers are not stopped."""
    beside = SharedMemoryBackend.create(**place, timeout_s=0.2)
    seen: list[Exception] = []

    def write() -> None:
        try:
            beside.set("a", b"2")
        except BackendTimeoutError as error:
            seen.append(error)

    with backend.transaction():
        backend.set("a", b"1")
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert beside.get("a") is None
    assert "timeout_s=0.2" in str(seen[0])


def test_a_transaction_of_a_killed_process_never_was(
    backend: SharedMemoryBackend, other: Start
) -> None:
    """And stops nobody from writing."""
    backend.set("a", b"0")
    writer = other("b = table()\nwith b.transaction():\n  b.set('a', b'1'); say('in'); wait()")
    assert writer.hear() == "in"
    writer.end(kill=True)
    assert backend.get("a") == b"0"
    backend.set("a", b"2")
    assert backend.get("a") == b"2"


def test_every_read_sums_to_the_same(backend: SharedMemoryBackend, other: Start) -> None:
    """Processes move amounts in transactions, while this one reads."""
    keys = [str(i) for i in range(10)]
    backend.set_many(dict.fromkeys(keys, b"100"))
    move = """
import random
b = table()
for _ in range(200):
    source, target = random.sample(range(10), 2)
    with b.transaction():
        b.set(str(source), b"%d" % (int(b.get(str(source))) - 7))
        b.set(str(target), b"%d" % (int(b.get(str(target))) + 7))
say("moved")
"""
    movers = [other(move) for _ in range(3)]
    for _ in range(300):
        with backend.transaction(read_only=True):
            assert sum(int(backend.get(key) or b"0") for key in keys) == 1000
    assert [mover.hear() for mover in movers] == ["moved"] * 3
    assert sum(int(value or b"0") for value in backend.get_many(keys)) == 1000


def test_update_loses_nothing_among_processes(backend: SharedMemoryBackend, other: Start) -> None:
    """Each adds to the same value."""
    backend.set("n", b"0")
    add = "b = table()\nfor _ in range(200): b.update('n', lambda n: b'%d' % (int(n) + 1))\nsay('')"
    adders = [other(add) for _ in range(4)]
    for adder in adders:
        adder.hear()
    assert backend.get("n") == b"800"
