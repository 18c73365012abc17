"""Parts of chunks: what a slice of the bytes would be, and no other byte."""

from __future__ import annotations

from typing import Any

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import content, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another

__all__: list[str] = []

_SIZES = (0, 1, 2, 1_000, 70_000)

_HUGE = (2**31 - 1, 2**31, 2**32, 2**40, 2**63 - 1)
"""Offsets beyond the integers of C, and beyond any memory."""

_PARTS = (4_096, 65_536, 261_120, 262_144, 524_288, 1_048_576, 8_388_608)
"""Lengths of the parts in which stores and networks move large values."""


def part_is_right(backend: Any, data: bytes, start: int, stop: int | None = None) -> None:
    """Read a part of chunk ``(0,)``, which holds `data`, and compare it with a slice."""
    what = f"read_chunk_range((0,), {start}, {stop}) of {len(data):,} bytes"
    same_bytes(backend.read_chunk_range((0,), start, stop), data[start:stop], what)


@check(
    "ZB-RANGE-01",
    "read_chunk_range returns chunk[start:stop]; without a stop it reads to the end.",
    hint="`stop` is the byte after the last one; HTTP's Range header names the last one.",
    needs=("ranges",),
)
def a_range_is_a_slice_of_the_chunk(t: Trial) -> None:
    """At the beginning, in the middle, at the end, the whole; with and without a stop."""
    backend = t.array()
    for n in (size for size in _SIZES if size > 1):
        data = payload(n)
        backend.write_chunk((0,), data)
        for start, stop in ((0, 1), (0, n), (0, n - 1), (1, n), (n - 1, n), (n // 2, n // 2 + 1)):
            part_is_right(backend, data, start, stop)
        for start in (0, 1, n // 2, n - 1):
            part_is_right(backend, data, start)


@check(
    "ZB-RANGE-02",
    "A negative start counts from the end; a suffix longer than the chunk is the whole chunk.",
    hint="Ask for max(0, nbytes + start) where the store knows no suffixes, or refuses long ones.",
    needs=("ranges",),
)
def a_negative_start_counts_from_the_end(t: Trial) -> None:
    """Suffixes of every length, also of chunks of no bytes."""
    backend = t.array()
    for n in _SIZES:
        data = payload(n)
        backend.write_chunk((0,), data)
        for length in {1, 2, max(1, n - 1), max(1, n), n + 1, n + 100, 2 * n + 1, 2**20, *_HUGE}:
            part_is_right(backend, data, -length)
            part_is_right(backend, data, -length, None)


@check(
    "ZB-RANGE-03",
    "A range is cut to what there is: past the end it is shorter, or empty, and no error.",
    hint="A store that answers 'range not satisfiable' means empty bytes, if the chunk is there.",
    needs=("ranges",),
)
def a_range_is_cut_to_what_there_is(t: Trial) -> None:
    """A stop beyond the end, a start at and beyond it, and nothing asked for."""
    backend = t.array()
    for n in _SIZES:
        data = payload(n)
        backend.write_chunk((0,), data)
        for start, stop in (
            (0, n + 1),
            (0, 0),
            (n, n),
            (n, n + 1),
            (n + 1, n + 5),
            (n // 2, 2 * n),
        ):
            part_is_right(backend, data, start, stop)
        for start, stop in ((n // 2, n // 2), (n, 0), (n + 7, n), (5, 2), (max(0, n - 1), n + 9)):
            part_is_right(backend, data, start, stop)
        for start in (n, n + 1, n + 70_000):
            part_is_right(backend, data, start)


@check(
    "ZB-RANGE-04",
    "Offsets may be of any size; what is read is bounded by what there is.",
    hint="Cut start and stop to the chunk's length before a buffer is made, or sent as 32 bits.",
    needs=("ranges",),
)
def offsets_may_be_huge(t: Trial) -> None:
    """Beyond 31 and 32 bits, up to 63: no error, and no memory for that much."""
    backend = t.array()
    for n in (0, 10, 100_000):
        data = payload(n)
        backend.write_chunk((0,), data)
        for offset in reversed(_HUGE):  # where one of them is too much, the largest fails fast
            part_is_right(backend, data, 0, offset)
            part_is_right(backend, data, n // 2, offset)
            part_is_right(backend, data, offset)
            part_is_right(backend, data, offset - 1, offset)


@check(
    "ZB-RANGE-05",
    "A range of a chunk that is not stored raises ChunkNotFoundError, whatever the range.",
    hint="Ask whether the chunk is there even where the range asks for no byte.",
    needs=("ranges",),
)
def a_range_of_a_missing_chunk_is_an_error(t: Trial) -> None:
    """A chunk that never was, and one that was deleted."""
    backend = t.array()
    backend.write_chunk((1,), b"beside")
    backend.write_chunk((2,), b"deleted")
    backend.delete_chunk((2,))
    for index in ((0,), (2,)):
        for part in ((0, 1), (0, 0), (5, 5), (0, None), (3, None), (-1, None), (2**31, 2**40)):
            raises(ChunkNotFoundError, backend.read_chunk_range, index, *part)
        raises(ChunkNotFoundError, backend.read_chunk_range, index, 0)


@check(
    "ZB-RANGE-06",
    "read_chunk_range is a slice of bytes for every chunk and every range.",
    hint="Compare start, stop and length that are asked of the store with slice.indices().",
    needs=("ranges",),
)
def any_range_of_any_chunk_is_a_slice(t: Trial) -> None:
    """Random ranges that are inside of chunks of random sizes."""
    backend = t.array()
    for _ in range(t.profile.rounds):
        n = t.random.choice((1, 7, 255, 256, 4_097, 66_000))
        data = payload(n, seed=t.random.randrange(9))
        backend.write_chunk((0,), data)
        for _ in range(8):
            start = t.random.randrange(n)
            part_is_right(backend, data, start, t.random.randint(start + 1, n))
            part_is_right(backend, data, t.random.randrange(-n, n))


@check(
    "ZB-RANGE-07",
    "A range is of the chunk as it is now.",
    hint="A length, a part or a handle that is kept between calls is stale after a write.",
    needs=("ranges",),
)
def a_range_is_of_the_chunk_as_it_is_now(t: Trial) -> None:
    """After shorter and longer writes, and a deletion, through this and a second instance."""
    backend = t.array()
    backend.write_chunk((0,), payload(500))
    second = another(t, backend)
    for n, seed in ((500, 1), (20, 2), (0, 3), (90_000, 4), (1_000, 5)):
        backend.write_chunk((0,), payload(n, seed))
        t.settle(backend)
        for reader in (backend, second):
            part_is_right(reader, payload(n, seed), 10, 600)
            part_is_right(reader, payload(n, seed), -15)
    backend.delete_chunk((0,))
    t.settle(backend)
    raises(ChunkNotFoundError, second.read_chunk_range, (0,), 0, 5)


@check(
    "ZB-RANGE-08",
    "Ranges of large chunks are right wherever they begin and end.",
    hint="Look at ranges that begin, end or lie across where one stored part meets the next.",
    needs=("ranges",),
)
def ranges_cross_the_parts_of_a_large_chunk(t: Trial) -> None:
    """Around the sizes of parts that stores are known to have."""
    backend = t.array()
    data = payload(max(t.profile.value_nbytes[:4]) + 17)
    backend.write_chunk((0,), data)
    for edge in (part * k for part in _PARTS for k in (1, 2) if part * k < len(data)):
        for start, stop in (
            (edge - 1, edge),
            (edge, edge + 1),
            (edge - 3, edge + 3),
            (edge - 9, edge),
        ):
            part_is_right(backend, data, start, stop)
    part_is_right(backend, data, 5, len(data) - 5)
    part_is_right(backend, data, -(2**17 + 1))


@check(
    "ZB-RANGE-09",
    "What was read stays as it is: it is the caller's to read.",
    hint="Return bytes of your own, not a view of a buffer that a later call fills again.",
    needs=("ranges",),
)
def a_part_that_was_read_stays_as_it_is(t: Trial) -> None:
    """While the chunk is replaced and other parts are read."""
    backend = t.array()
    old = payload(5_000)
    backend.write_chunk((0,), old)
    part = backend.read_chunk_range((0,), 100, 200)
    content(backend.read_chunk_range((0,), 300, 400))
    backend.write_chunk((0,), payload(5_000, seed=1))
    content(backend.read_chunk_range((0,), 100, 200))
    same_bytes(part, old[100:200], "a part that was read before the chunk was replaced")


def _read_parts(i: int, backend: Any, data: bytes, rounds: int) -> None:
    """Read parts of one length, each thread another one."""
    for n in range(rounds):
        part_is_right(backend, data, (i * 101 + n * 37) % len(data), (i * 101 + n * 37) + 50 + i)


@check(
    "ZB-RANGE-10",
    "Ranges may be read from several threads at once.",
    hint="A file position shared by threads is moved between seek and read; use pread, or a lock.",
    needs=("ranges",),
)
def threads_read_their_own_ranges(t: Trial) -> None:
    """Many small parts of one chunk at once."""
    backend = t.array()
    data = payload(40_000)
    backend.write_chunk((0,), data)
    t.threads(t.profile.threads, _read_parts, backend, data, t.profile.rounds)
