"""What is written where, and how it is read back and compared.

1. `write` stores a source through one backend, in bands of chunks.
2. `read` opens the same place afresh and compares every element, the dimension names and
   the attributes with the source; then it reads one region five times, each through an
   array that was just opened.
3. `read_with_zarr` does the comparison once more with zarr-python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

import numpy as np
import zarr
import zarr.storage
from numpy.typing import NDArray

import zarr_backends as zb
from demo.sources import Region, Source

__all__ = ["Advance", "Case", "Reading", "all_cases", "read", "read_with_zarr", "write"]

Advance = Callable[[int], object]
"""Told how many bytes of data have been dealt with since it was last called."""

_REPETITIONS = 5
"""Readings of the one region; their median is reported."""

_NAMES_OF_V2 = "_ARRAY_DIMENSIONS"
"""Attribute that holds the dimension names in Zarr v2, which has no member for them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One source in one place."""

    source: Source
    backend: str
    """Id of the backend."""
    zarr_format: Literal[2, 3]
    target: Path
    """Folder or archive."""

    @property
    def attributes(self) -> dict[str, Any]:
        """What a reader finds as attributes."""
        if self.zarr_format == 3:  # noqa: PLR2004  # the format's own number
            return self.source.attributes
        return self.source.attributes | {_NAMES_OF_V2: list(self.source.dimension_names)}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a stored array has shown."""

    differences: tuple[str, ...]
    """What is not as it was written; empty where all is well."""
    seconds: float = 0.0
    """Time to read everything, in seconds, comparing left out."""
    region_seconds: float = 0.0
    """Time to open the array and read one region, in seconds, the median of several."""
    nbytes_stored: int = 0
    """Bytes of the stored chunks."""


def all_cases(mask: Source, temperature: Source, folder: Path) -> list[Case]:
    """Return the four places of the demonstration."""
    return [
        Case(mask, "filesystem", 3, folder / "mask.zarr"),
        Case(temperature, "filesystem", 3, folder / "temperature.zarr"),
        Case(temperature, "zip", 3, folder / "temperature.zip"),
        Case(temperature, "filesystem", 2, folder / "temperature-v2.zarr"),
    ]


def write(case: Case, advance: Advance) -> float:
    """Store a source, replacing what is there, and return the seconds that it took."""
    source, start = case.source, perf_counter()
    with zb.create(
        case.target,
        storage=case.backend,
        shape=source.data.shape,
        dtype=source.data.dtype,
        chunks=source.chunks,
        fill_value=source.fill_value,
        dimension_names=source.dimension_names,
        attributes=source.attributes,
        zarr_format=case.zarr_format,
        overwrite=True,
    ) as array:
        for band in source.bands():
            array[band] = source.data[band]
            advance(source.data[band].nbytes)
    return perf_counter() - start


def read(case: Case, advance: Advance) -> Reading:
    """Read a stored array whole and in part, and compare it with its source."""
    try:
        with zb.open(case.target, read_only=True) as array:
            seconds, differences = _compare(case, array, array.dimension_names, advance)
            nbytes_stored = array.nbytes_stored
        return Reading(differences, seconds, _region_seconds(case), nbytes_stored)
    except zb.ZarrBackendsError as error:
        return Reading((f"{type(error).__name__}: {error}",))


def read_with_zarr(case: Case, advance: Advance) -> Reading:
    """Read a stored array with zarr-python and compare it with its source."""
    is_archive = case.target.suffix == ".zip"
    store = zarr.storage.ZipStore(case.target, mode="r") if is_archive else case.target
    array = zarr.open_array(store, mode="r")
    v3_names = getattr(array.metadata, "dimension_names", None)
    names: Any = array.attrs.get(_NAMES_OF_V2, v3_names)
    seconds, differences = _compare(case, array, names, advance)
    return Reading(differences, seconds)


def _compare(
    case: Case, array: Any, dimension_names: Sequence[str | None] | None, advance: Advance
) -> tuple[float, tuple[str, ...]]:
    """Return the seconds that reading took and what differs."""
    source, seconds, differences = case.source, 0.0, []
    if tuple(dimension_names or ()) != source.dimension_names:
        differences.append(f"dimension names: {dimension_names}")
    if dict(array.attrs) != case.attributes:
        differences.append(f"attributes: {dict(array.attrs)}")
    for band in source.bands():
        start = perf_counter()
        values = array[band]
        seconds += perf_counter() - start
        if not _same(values, source.data[band]):
            differences.append(f"values of {_words(band)}")
        advance(values.nbytes)
    return seconds, tuple(differences)


def _region_seconds(case: Case) -> float:
    """Return the median time to open an array and read one region of it."""
    times = []
    for _ in range(_REPETITIONS):
        start = perf_counter()
        with zb.open(case.target, read_only=True) as array:
            array[case.source.region]
        times.append(perf_counter() - start)
    return median(times)


def _same(values: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether two arrays are equal bit for bit, NaN and negative zero included."""
    if values.dtype != expected.dtype or values.shape != expected.shape:
        return False
    return np.array_equal(
        np.ascontiguousarray(values).view(np.uint8), np.ascontiguousarray(expected).view(np.uint8)
    )


def _words(band: Region) -> str:
    """Return a band as people write it."""
    return f"{band[0].start}:{band[0].stop}"
