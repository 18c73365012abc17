"""Limits, probed and reported: a backend may have any, so nothing here can fail."""

from __future__ import annotations

from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.probing import (
    largest,
    listing_costs,
    operation_costs,
    stores_apart,
    works_at,
)

__all__: list[str] = []

_HINT = "Nothing to do; say it in your documentation."

_MB = 2**20


@check(
    "ZB-LIMIT-01",
    "Reported: the largest value that was tried and works.",
    hint=_HINT,
    timeout_s=300,
)
def the_largest_value(t: Trial) -> None:
    """As far as the profile goes."""
    backend = t.array()
    sizes = {"quick": (1, 16), "standard": (1, 16, 64), "soak": (1, 16, 64, 256)}[t.profile.name]

    def works(nmegabytes: int) -> bool:
        data = payload(_MB) * nmegabytes
        backend.write_chunk((0,), data)
        return bytes(backend.read_chunk((0,))) == data

    t.notes["largest value, MB"] = largest(works, sizes)


@check(
    "ZB-LIMIT-02",
    "Reported: the longest name of a place that works.",
    hint=_HINT,
    needs=("places",),
)
def the_longest_name(t: Trial) -> None:
    """In one segment, and in many."""
    lengths = (50, 100, 200, 400, 800, 1600)
    t.notes["longest name"] = largest(lambda n: works_at(t, "n" * n), lengths)
    t.notes["longest path"] = largest(
        lambda n: works_at(t, "/".join(["nine-char"] * (n // 10))), lengths
    )


@check(
    "ZB-LIMIT-03",
    "Reported: the most dimensions and the largest index of a chunk that work.",
    hint=_HINT,
)
def the_largest_index(t: Trial) -> None:
    """Many numbers, and large ones."""

    def works(index: tuple[int, ...], name: str) -> bool:
        backend = t.array(name, shape=(2**63 - 1,) * len(index))
        backend.write_chunk(index, b"x")
        return bytes(backend.read_chunk(index)) == b"x"

    t.notes["most dimensions"] = largest(lambda n: works((1,) * n, f"d{n}"), (8, 16, 32, 64))
    powers = largest(lambda n: works((2**n - 1,), f"i{n}"), (16, 31, 32, 53, 63))
    t.notes["largest index, power of two"] = powers


@check(
    "ZB-LIMIT-04",
    "Reported: whether names are told apart by case, and by the normal form of Unicode.",
    hint=_HINT,
    needs=("places",),
)
def case_and_normal_form_of_names(t: Trial) -> None:
    """Pairs of places of which one is written to."""
    t.notes["names differ by case"] = stores_apart(t, "case", "CASE")
    t.notes["names differ by normal form"] = stores_apart(t, "caf\u00e9", "cafe\u0301")
    t.notes["names outside of ASCII"] = works_at(t, "ünï-数据-😀")
    t.notes["names with spaces"] = works_at(t, "a b")


@check(
    "ZB-LIMIT-05",
    "Reported: what listing costs, for few chunks and for many.",
    hint=_HINT,
    timeout_s=300,
)
def the_cost_of_listing(t: Trial) -> None:
    """Milliseconds to the first and to the last chunk."""
    t.notes.update(listing_costs(t, [n for n in t.profile.listed if n]))


@check(
    "ZB-LIMIT-06",
    "Reported: how long the operations take.",
    hint=_HINT,
)
def the_time_of_operations(t: Trial) -> None:
    """Medians, in milliseconds, for a chunk of 1 KB."""
    t.notes.update(operation_costs(t, 10))
