"""Options, and the methods that tables have beside those of every backend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from zarr_backends import ArrayNotFoundError, ConfigurationError
from zarr_backends_shared_memory import SharedMemoryBackend

Place = dict[str, Any]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("table_name", ""),
        ("table_name", 7),
        ("table_name", "\udc80"),
        ("access", "read"),
        ("heir", "nobody"),
        ("heir", 0),
        ("heir", True),
        ("map_size", 1000),
        ("map_size", "1 GB"),
        ("map_size", 2**60),
        ("folder", "/no/such/folder"),
        ("folder", 7),
        ("timeout_s", 0),
        ("timeout_s", "30"),
    ],
)
def test_an_impossible_option_is_named(option: str, value: object) -> None:
    """The message has the option and its value."""
    with pytest.raises(ConfigurationError, match=option) as caught:
        SharedMemoryBackend.create(**{option: value})
    assert caught.value.option == option


def test_an_heir_has_to_run(place: Place) -> None:
    """Else the table would go away at once."""
    with pytest.raises(ConfigurationError, match="no process"):
        SharedMemoryBackend.create(**place, heir=2**22 + 1).set("a", b"x")


@pytest.mark.parametrize("url", ["shm://", "shm://a?b=c", "shm://a#b", "shm://user:secret@a"])
def test_a_bad_url_is_refused(url: str) -> None:
    """Without what may be a password in it."""
    with pytest.raises(ConfigurationError) as caught:
        SharedMemoryBackend.options_from_url(url)
    assert "secret" not in str(caught.value)


def test_nothing_is_made_before_the_first_write(place: Place) -> None:
    """Neither by connecting nor by reading or deleting."""
    with SharedMemoryBackend.create(**place) as backend:
        assert backend.get("a") is None
        assert list(backend.list_keys()) == []
        backend.delete("a")
        assert not backend.table_exists()
        with pytest.raises(ArrayNotFoundError, match="no table"):
            backend.table_info()
    assert not any(Path(place["folder"]).iterdir())


def test_a_table_tells_about_itself(backend: SharedMemoryBackend, place: Place) -> None:
    """What it is called, who owns it, how much is in it."""
    backend.set("a", b"x")
    info = backend.table_info()
    assert (info["table_name"], info["owner"], info["entries"]) == ("table", os.getpid(), 1)
    assert (info["access"], info["heir"], info["is_owner"]) == ("public", None, True)
    state = backend.get_state()
    assert state["folder"] == place["folder"]
    assert state["is_attached"]
    assert not state["in_transaction"]


def test_a_cleared_table_is_there_and_empty(backend: SharedMemoryBackend) -> None:
    """For other instances as well."""
    backend.set_many({f"{i}": b"x" for i in range(3000)})
    backend.clear_table()
    assert backend.table_exists()
    assert list(backend.list_keys()) == []


def test_a_deleted_table_is_gone_for_other_instances(place: Place) -> None:
    """Whoever deleted it can begin anew."""
    backend, beside = (SharedMemoryBackend.create(**place) for _ in range(2))
    backend.set("a", b"x")
    assert beside.get("a") == b"x"
    backend.delete_table()
    with pytest.raises(ArrayNotFoundError, match="gone"):
        beside.get("a")
    assert backend.get("a") is None
    backend.set("b", b"y")
    beside.close()
    assert beside.get("b") == b"y"
    backend.delete_table()
