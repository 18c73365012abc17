"""Tiers: the hottest value is right, reads promote, migrations move and lose nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zarr_backends as zb


@pytest.fixture
def tiers() -> Any:
    """Return three stores in memory."""
    return {name: zb.get_backend("memory").create() for name in ("hot", "warm", "cold")}


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets seconds go by; by themselves none do."""
    now = time.time()

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("zarr_backends_wrappers._ledger.time.time", lambda: now)
    return wait


def test_writes_are_hot_and_migrate_moves_down(
    wrap: Callable[..., Any], tiers: dict[str, Any]
) -> None:
    """By the last access, one tier a call and a limit."""
    store = wrap("tiered", inner=tiers, limits={"hot": 0, "warm": 0})
    store.set("c/0", b"value")
    assert store.tier_of("c/0") == "hot"
    assert store.migrate()[:] == (2, 10)
    assert store.tier_of("c/0") == "cold"
    assert bytes(store.get("c/0")) == b"value"
    assert store.tier_of("c/0") == "hot"


def test_a_part_is_read_where_it_is(wrap: Callable[..., Any], tiers: dict[str, Any]) -> None:
    """Only reads of whole values promote, and only if wanted."""
    tiers["cold"].set("c/0", b"value")
    store = wrap("tiered", inner=tiers)
    assert bytes(store.get_range("c/0", 1, 3)) == b"al"
    assert store.size("c/0") == 5
    assert store.tier_of("c/0") == "cold"
    lazy = wrap("tiered", inner=tiers, promote=False)
    assert bytes(lazy.get("c/0")) == b"value"
    assert lazy.tier_of("c/0") == "cold"


@pytest.mark.parametrize(("policy", "moved"), [("age", True), ("access", False)])
def test_age_and_access_are_told_apart(
    wrap: Callable[..., Any],
    tiers: dict[str, Any],
    wait: Callable[[float], None],
    policy: str,
    moved: bool,
) -> None:
    """A value that was written long ago and read just now."""
    store = wrap("tiered", inner=tiers, policy=policy, limits={"hot": 60})
    store.set("c/0", b"value")
    wait(61)
    store.get("c/0")
    store.migrate()
    assert (store.tier_of("c/0") == "warm") == moved


def test_a_tier_keeps_to_its_size(wrap: Callable[..., Any], tiers: dict[str, Any]) -> None:
    """What was not used for longest goes first."""
    store = wrap("tiered", inner=tiers, policy="size", limits={"hot": 250})
    for i in range(4):
        store.set(f"c/{i}", bytes(100))
    store.get("c/0")
    store.migrate()
    assert [store.tier_of(f"c/{i}") for i in range(4)] == ["hot", "warm", "warm", "hot"]


def test_times_outlive_the_instance(
    wrap: Callable[..., Any], tiers: dict[str, Any], wait: Callable[[float], None]
) -> None:
    """A migration writes them down for the next one."""
    options = {"inner": tiers, "policy": "age", "limits": {"hot": 60}}
    first = wrap("tiered", **options)
    first.set("c/0", b"value")
    assert first.migrate().values == 0
    wait(61)
    assert wrap("tiered", **options).migrate().values == 1


def test_older_values_below_never_come_back(
    wrap: Callable[..., Any], tiers: dict[str, Any]
) -> None:
    """Neither by a deletion nor by an update that deletes."""
    for delete in (lambda s: s.delete("c/0"), lambda s: s.update("c/0", lambda _: None)):
        for name, tier in tiers.items():
            tier.set("c/0", name.encode())
        store = wrap("tiered", inner=tiers)
        assert bytes(store.get("c/0")) == b"hot"
        delete(store)
        assert store.get("c/0") is None
        assert store.set_if_absent("c/0", b"new")


def test_updates_find_what_is_below(wrap: Callable[..., Any], tiers: dict[str, Any]) -> None:
    """And leave the result hot."""
    tiers["cold"].set("c/0", b"1")
    store = wrap("tiered", inner=tiers)
    store.update("c/0", lambda old: bytes(old) + b"2")
    assert not store.set_if_absent("c/0", b"x")
    assert bytes(tiers["hot"].get("c/0")) == b"12"


def test_no_update_is_lost_while_values_move(
    wrap: Callable[..., Any], tiers: dict[str, Any]
) -> None:
    """Counters, counted by threads and moved down all the time."""
    store = wrap("tiered", inner=tiers, limits={"hot": 0, "warm": 0})

    def count(i: int) -> None:
        chance = random.Random(i)  # noqa: S311  # not for secrecy
        for _ in range(150):
            store.update(
                f"c/{chance.randrange(4)}", lambda old: b"%d" % (int(bytes(old or b"0")) + 1)
            )

    with ThreadPoolExecutor(5) as threads:
        work = [threads.submit(count, i) for i in range(4)]
        while not all(future.done() for future in work):
            store.migrate()
    assert sum(int(bytes(store.get(f"c/{i}"))) for i in range(4)) == 600


def test_a_full_hot_tier_is_no_reason_not_to_read(
    wrap: Callable[..., Any], tiers: dict[str, Any]
) -> None:
    """The value is not promoted, that is all."""
    tiers["cold"].set("c/0", b"value")
    tiers["hot"] = wrap("quota", inner=tiers["hot"], max_nbytes=1)
    assert bytes(wrap("tiered", inner=tiers).get("c/0")) == b"value"


@pytest.mark.parametrize("names", [["hot"], ["hot", "tepid"], ["hot", "cold", "frozen"]])
def test_tiers_have_their_names(wrap: Callable[..., Any], names: list[str]) -> None:
    """Two or three of hot, warm, cold."""
    inner = {name: zb.get_backend("memory").create() for name in names}
    with pytest.raises(zb.ConfigurationError, match="two or three of hot, warm, cold"):
        wrap("tiered", inner=inner)
