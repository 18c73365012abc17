"""Chunk indices: each means one chunk and no other, of any size and number of dimensions."""

from __future__ import annotations

from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, same_bytes
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.documents import LAYOUTS
from zarr_backends_compliance._tools.existence import is_there
from zarr_backends_compliance._tools.grid import ALIKE, EQUAL_TO_ONE, LARGE, NO_INDICES, corners
from zarr_backends_compliance._tools.places import instances
from zarr_backends_compliance._tools.refusals import accepted

__all__: list[str] = []


@check(
    "ZB-INDEX-01",
    "Every index is a chunk of its own: writing or deleting one touches no other.",
    hint="Build keys with a separator, from all numbers in their order; neither hash nor cut them.",
)
def every_index_is_a_chunk_of_its_own(t: Trial) -> None:
    """Numbers that look alike when they are joined, sorted or cut."""
    for name in ("v3, c/0/0", "v2, 0.0"):
        backend = t.array(name[:2], (70_000,) * 3, **LAYOUTS[name])
        for i, index in enumerate(ALIKE):
            backend.write_chunk(index, b"%d" % i)
        for instance in instances(t, backend, name[:2]):
            equal(indices(instance.list_chunks()), sorted(ALIKE), f"the listing of {name}")
            for i, index in enumerate(ALIKE):
                same_bytes(instance.read_chunk(index), b"%d" % i, f"chunk {index}")


@check(
    "ZB-INDEX-02",
    "Arrays have any number of dimensions: an index has one number for each, in their order.",
    hint="Try the index () of arrays without dimensions, and more numbers than you have columns.",
)
def arrays_have_any_number_of_dimensions(t: Trial) -> None:
    """None to eight, in both formats."""
    for ndim in range(9):
        for name in ("v3, c/0/0", "v2, 0.0"):
            place = f"{name[:2]}-{ndim}"
            backend = t.array(place, (12,) * ndim, **LAYOUTS[name])
            for i, index in enumerate(corners(ndim)):
                backend.write_chunk(index, b"%d" % i)
            for instance in instances(t, backend, place):
                equal(indices(instance.list_chunks()), corners(ndim), f"the listing in {ndim}-d")
                for i, index in enumerate(corners(ndim)):
                    same_bytes(instance.read_chunk(index), b"%d" % i, f"chunk {index}")


@check(
    "ZB-INDEX-03",
    "The numbers of an index are of any size.",
    hint="Keep them as text or as 64-bit integers; doubles are exact to 2**53 only.",
)
def numbers_of_an_index_are_of_any_size(t: Trial) -> None:
    """Around the ends of 32-bit integers, doubles and 64-bit integers."""
    backend = t.array(shape=(2**63 - 1,) * 2)
    expected = sorted((number, i % 2) for i, number in enumerate(LARGE))
    for index in expected:
        backend.write_chunk(index, str(index).encode())
    for instance in instances(t, backend):
        equal(indices(instance.list_chunks()), expected, "the listing")
        for index in expected:
            same_bytes(instance.read_chunk(index), str(index).encode(), f"chunk {index}")


@check(
    "ZB-INDEX-04",
    "What is taken for an index means the same chunk in every call.",
    hint="Turn numbers into int (operator.index) before they become a key, or refuse the rest.",
)
def numbers_of_other_types_are_refused_or_mean_the_same(t: Trial) -> None:
    """NumPy's integers, booleans, 1.0: what is written there is in chunk (1,)."""
    for kind, index in EQUAL_TO_ONE.items():
        backend = t.array()
        backend.write_chunk((1,), b"old")
        if accepted(backend.write_chunk, index, b"new"):
            same_bytes(backend.read_chunk((1,)), b"new", f"chunk (1,), written as {kind},")
            same_bytes(backend.read_chunk(index), b"new", f"chunk (1,), read as {kind},")
        equal(indices(backend.list_chunks()), [(1,)], f"the listing after {kind}")
        if accepted(backend.delete_chunk, index):
            equal(indices(backend.list_chunks()), [], f"the listing after {kind} was deleted")


@check(
    "ZB-INDEX-05",
    "An index is one non-negative int a dimension; nothing else reaches a chunk or the metadata.",
    hint="Check an index before it becomes a key: numbers, their signs, how many.",
)
def what_is_no_index_reaches_nothing(t: Trial) -> None:
    """It is refused; where a backend takes it, it is a chunk of its own."""
    for kind, index in NO_INDICES.items():
        backend = t.array()
        for i in range(8):
            backend.write_chunk((i,), b"%d" % i)
        accepted(backend.delete_chunk, index)
        if accepted(backend.read_chunk, index):
            is_true(False, f"read_chunk({index!r}) returned a chunk: {kind} is no index of 1-d")  # noqa: FBT003
        if accepted(backend.write_chunk, index, b"lost"):
            same_bytes(backend.read_chunk(index), b"lost", f"a chunk with {kind} as its index")
            is_true(index in list(backend.list_chunks()), f"chunk {index!r} was taken, not listed")
            backend.delete_chunk(index)
        equal(indices(backend.list_chunks()), [(i,) for i in range(8)], f"the listing after {kind}")
        for i in range(8):
            same_bytes(backend.read_chunk((i,)), b"%d" % i, f"chunk ({i},) after {kind}")
        is_there(backend, f"exists() after {kind}")
