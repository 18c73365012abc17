"""The mock: faults as scripted, the same again with the same seed, and seen by the kit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES
from zarr_backends_compliance._kernel.runner import run_check, survey
from zarr_backends_compliance._kernel.target import find_target
from zarr_backends_wrappers import OPERATIONS


def outcomes(mock: Any, count: int = 200) -> Any:
    """Return what comes of many reads of one chunk."""
    mock.inner.write_chunk((0,), bytes(range(100)))
    found = []
    for _ in range(count):
        try:
            found.append(bytes(mock.read_chunk((0,))))
        except zb.BackendError as error:
            found.append(type(error).__name__)
    return found


def test_the_same_seed_gives_the_same_faults(wrap: Callable[..., Any]) -> None:
    """Also after a reset; another seed gives others."""
    options = {"error_rate": 0.2, "corruption_rate": 0.2, "truncation_rate": 0.2}
    mock = wrap("mock", seed=7, **options)
    first = outcomes(mock)
    mock.reset()
    assert outcomes(mock) == first == outcomes(wrap("mock", seed=7, **options))
    assert outcomes(wrap("mock", seed=8, **options)) != first


def test_a_drawn_seed_can_be_used_again(wrap: Callable[..., Any]) -> None:
    """It is told by the attribute `seed`."""
    mock = wrap("mock", error_rate=0.5)
    assert outcomes(wrap("mock", error_rate=0.5, seed=mock.seed)) == outcomes(mock)


def test_corruption_changes_one_bit(wrap: Callable[..., Any]) -> None:
    """And nothing else."""
    for found in outcomes(wrap("mock", corruption_rate=1.0), 20):
        changed = [a ^ b for a, b in zip(found, range(100), strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0].bit_count() == 1


def test_truncation_cuts_the_end(wrap: Callable[..., Any]) -> None:
    """What is left is a beginning."""
    for found in outcomes(wrap("mock", truncation_rate=1.0), 20):
        assert len(found) < 100
        assert found == bytes(range(len(found)))


def test_a_lost_write_is_acknowledged_and_not_made(wrap: Callable[..., Any]) -> None:
    """So are lost deletions."""
    mock = wrap("mock", lost_write_rate=1.0)
    mock.inner.write_chunk((1,), b"stays")
    mock.write_chunk((0,), b"lost")
    mock.delete_chunk((1,))
    assert mock.set_if_absent("key", b"lost") is True
    assert list(mock.inner.list_chunks()) == [(1,)]


@pytest.mark.parametrize(("nth", "failing"), [(3, 3), ({"read_chunk": 2}, 3), ({"exists": 1}, 1)])
def test_the_nth_call_fails(wrap: Callable[..., Any], nth: Any, failing: int) -> None:
    """Of all, or of an operation."""
    mock = wrap("mock", fail_nth=nth)
    mock.inner.write_chunk((0,), b"x")
    calls = [mock.exists, *[lambda: mock.read_chunk((0,))] * 4]
    for number, call in enumerate(calls, 1):
        if number == failing:
            with pytest.raises(zb.NetworkError):
                call()
        else:
            call()


def test_calls_are_listed_and_counted(wrap: Callable[..., Any]) -> None:
    """With what they are about and what happened to them; `reset` forgets them."""
    mock = wrap("mock", fail_on=["delete_chunk"])
    mock.write_chunk((4,), b"x")
    with pytest.raises(zb.NetworkError):
        mock.delete_chunk((4,))
    assert [tuple(call) for call in mock.calls] == [
        (1, "write_chunk", (4,), ""),
        (2, "delete_chunk", (4,), "error"),
    ]
    assert mock.counts == {"write_chunk": 1, "delete_chunk": 1}
    mock.reset()
    assert not mock.calls


def test_every_operation_of_a_backend_can_be_made_to_fail(wrap: Callable[..., Any]) -> None:
    """The listing, the snapshot and the batch among them."""
    mock = wrap("mock", fail_on=sorted(OPERATIONS))
    with pytest.raises(zb.NetworkError):
        next(iter(mock.list_chunks()))
    with pytest.raises(zb.NetworkError), mock.open_chunk((0,)):
        pass
    with pytest.raises(zb.NetworkError):
        mock.update_chunk((0,), lambda old: old)
    with pytest.raises(zb.NetworkError):
        mock.set("key", b"x")


def test_a_listing_can_fail_in_the_middle(wrap: Callable[..., Any]) -> None:
    """Every page is a call."""
    mock = wrap("mock", fail_nth={"list_chunks": 2})
    for i in range(1500):
        mock.inner.write_chunk((i,), b"x")
    found = []
    with pytest.raises(zb.NetworkError):
        found.extend(mock.list_chunks())
    assert mock.counts["list_chunks"] == 2


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("ZB-OPEN-01", {"error_rate": 1.0}),
        ("ZB-READ-01", {"fail_on": ["read_chunk"]}),
        ("ZB-READ-01", {"corruption_rate": 1.0}),
        ("ZB-READ-01", {"truncation_rate": 1.0}),
        ("ZB-WRITE-01", {"lost_write_rate": 1.0}),
        ("ZB-READ-02", {"fail_nth": {"read_chunk": 1}}),
        ("ZB-DEL-01", {"fail_on": ["delete_chunk"]}),
        ("ZB-LIST-01", {"fail_on": ["list_chunks"]}),
        ("ZB-META-01", {"fail_on": ["write_metadata"]}),
        ("ZB-OPEN-04", {"error_rates": {"exists": 1.0}}),
        ("ZB-RANGE-01", {"fail_on": ["read_chunk_range"]}),
        ("ZB-SNAP-01", {"fail_on": ["read_snapshot"]}),
        ("ZB-UPD-01", {"fail_on": ["update_chunk"]}),
        ("ZB-KEYS-01", {"fail_on": ["set"]}),
    ],
)
def test_the_kit_fails_with_the_check_that_names_the_fault(
    check: str, fault: dict[str, Any]
) -> None:
    """With the fault it fails; without it passes."""
    options = {"inner": {"storage": "memory", "name": "mocked", "prefix": "{name}"}}
    found = next(known for known in all_checks() if known.id == check)
    with tempfile.TemporaryDirectory() as folder:
        whole = survey(find_target("mock", options, folder), folder=folder)
        faulty = whole._replace(target=find_target("mock", {**options, **fault, "seed": 1}, folder))
        results = [
            run_check(found, one, profile=PROFILES["quick"], seed=0, folder=folder)
            for one in (whole, faulty)
        ]
    assert [result.verdict for result in results] == ["PASS", "FAIL"], results[1].seen
