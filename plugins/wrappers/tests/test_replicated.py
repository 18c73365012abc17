"""Replicas: written everywhere, read from the nearest that works, repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zarr_backends as zb


@pytest.fixture
def regions(wrap: Callable[..., Any]) -> Any:
    """Return two or three stores that can be switched off."""
    return {
        name: wrap("mock", inner=zb.get_backend("memory").create()) for name in ("eu", "us", "asia")
    }


def down(mock: Any, *, is_down: bool = True) -> None:
    """Take a region down, or up again."""
    mock.script(error_rate=1.0 if is_down else 0.0)


def contents(mock: Any) -> Any:
    """Return what a region holds, without notes."""
    inner = mock.inner
    return {k: bytes(inner.get(k)) for k in inner.list_keys() if not k.startswith(".zarr-b")}


def test_every_region_gets_everything(wrap: Callable[..., Any], regions: dict[str, Any]) -> None:
    """Values, updates, deletions."""
    store = wrap("replicated", inner=regions)
    store.set("c/0", b"a")
    store.set("c/1", b"b")
    store.update("c/0", lambda old: bytes(old) + b"2")
    store.delete("c/1")
    assert store.set_if_absent("c/2", b"c")
    assert not store.set_if_absent("c/2", b"d")
    assert [contents(region) for region in regions.values()] == [{"c/0": b"a2", "c/2": b"c"}] * 3


def test_reads_go_to_the_nearest_that_works(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """One that failed is asked last for a while."""
    store = wrap("replicated", inner=regions)
    store.set("c/0", b"value")
    store.get("c/0")
    regions["us"].reset()
    assert bytes(store.get("c/0")) == b"value"
    assert not regions["us"].counts["get"]
    down(regions["eu"])
    for _ in range(5):
        assert bytes(store.get("c/0")) == b"value"
    regions["eu"].reset()
    assert sorted(store.list_keys()) == ["c/0"]
    assert not regions["eu"].counts


def test_all_have_to_be_written_unless_said_otherwise(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """The error says how many were."""
    store = wrap("replicated", inner=regions)
    down(regions["us"])
    with pytest.raises(zb.NetworkError) as caught:
        store.set("c/0", b"x")
    assert "was changed in 2 of 3 replicas" in caught.value.__notes__[0]


def test_a_replica_that_missed_a_write_is_not_read_until_it_is_repaired(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """Not by this instance, and not by others."""
    options = {"inner": regions, "write_quorum": 2}
    store = wrap("replicated", **options)
    store.set("c/0", b"old")
    store.set("c/1", b"gone")
    down(regions["eu"])
    store.set("c/0", b"new")
    store.delete("c/1")
    down(regions["eu"], is_down=False)
    other = wrap("replicated", **options)
    for reader in (store, other):
        assert reader.behind == {"eu"}
        assert bytes(reader.get("c/0")) == b"new"
        assert reader.get("c/1") is None
    report = store.repair(dry_run=True)
    assert {tuple(found) for found in report.differences} == {
        ("eu", "c/0", "different"),
        ("eu", "c/1", "superfluous"),
    }
    assert store.repair().repaired == ("eu",)
    assert store.repair().differences == ()
    assert contents(regions["eu"]) == contents(regions["us"]) == {"c/0": b"new"}
    assert wrap("replicated", **options).behind == frozenset()


def test_a_write_that_is_missed_during_a_repair_keeps_it_behind(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """The repair finds its own note replaced."""
    store = wrap("replicated", inner=regions, write_quorum=2)
    down(regions["eu"])
    store.set("c/0", b"1")
    replicas = store._replicas  # noqa: SLF001  # what a repair does step by step
    down(regions["eu"], is_down=False)
    token = replicas.note_repair("eu")
    down(regions["eu"])
    store.set("c/0", b"2")
    down(regions["eu"], is_down=False)
    assert not replicas.note_repaired("eu", token)
    assert store.behind == {"eu"}


def test_what_a_killed_writer_left_is_mended_and_nothing_is_deleted(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """The nearest replica that has a value is right."""
    store = wrap("replicated", inner=regions)
    store.set("c/0", b"same")
    regions["eu"].inner.set("c/1", b"begun")
    regions["asia"].inner.set("c/2", b"begun")
    regions["us"].inner.set("c/0", b"other")
    report = store.repair()
    assert len(report.differences) == 5
    expected = {"c/0": b"same", "c/1": b"begun", "c/2": b"begun"}
    assert [contents(region) for region in regions.values()] == [expected] * 3


def test_an_update_whose_quorum_fails_changes_nothing_nearby(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """The nearest replica decides last."""
    store = wrap("replicated", inner=regions)
    store.set("c/0", b"1")
    down(regions["us"])
    with pytest.raises(zb.NetworkError):
        store.update("c/0", lambda old: bytes(old) + b"2")
    assert contents(regions["eu"]) == {"c/0": b"1"}


def test_where_no_replica_works_the_first_error_is_told(
    wrap: Callable[..., Any], regions: dict[str, Any]
) -> None:
    """As it was."""
    store = wrap("replicated", inner=regions)
    for region in regions.values():
        down(region)
    with pytest.raises(zb.NetworkError):
        store.get("c/0")
    with pytest.raises(zb.NetworkError):
        list(store.list_keys())


@pytest.mark.parametrize("inner", [{}, [], "memory:", {"": "memory:"}])
def test_replicas_have_names(wrap: Callable[..., Any], inner: Any) -> None:
    """A mapping says which is which."""
    with pytest.raises(zb.ConfigurationError, match="a mapping of names to backends"):
        wrap("replicated", inner=inner)
