"""The data: two real data sets, each carried by a distribution of its own.

Both are read from the files that the distributions installed. The package of the land
mask is not imported, because importing it loads all of its 933 MB once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

__all__ = ["Region", "Source", "land_mask", "sea_surface_temperature"]

Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """An array in memory and all that is stored with it."""

    name: str
    """One word for tables and file names."""
    data: NDArray[Any]
    """The values."""
    chunks: tuple[int, ...]
    """Elements of one chunk along every dimension."""
    fill_value: Any
    """The value that is not worth storing."""
    dimension_names: tuple[str, ...]
    """One name a dimension."""
    attributes: dict[str, Any]
    """What else is known, as JSON has words for it."""
    region: Region
    """A part that somebody may want to look at: the time to read it goes into the table."""

    def bands(self) -> Iterator[Region]:
        """Yield regions that are whole along every dimension but the first, a chunk high."""
        length, step = self.data.shape[0], self.chunks[0]
        for start in range(0, length, step):
            yield (slice(start, min(start + step, length)),)

    def corner(self) -> Source:
        """Return a small part of the same data, where the region begins."""
        starts = (axis.start or 0 for axis in self.region)
        part = tuple(slice(i, i + 2 * n) for i, n in zip(starts, self.chunks, strict=True))
        return replace(self, data=self.data[part], region=tuple(map(slice, self.chunks)))


@cache
def land_mask() -> Source:
    """Load the land mask of the globe at 1 km, 21,600 x 43,200 booleans, True on water.

    Returns:
        The same 933 MB at every call.
    """
    with np.load(_installed("global-land-mask", "globe_combined_mask_compressed.npz")) as file:
        data, latitude, longitude = file["mask"], file["lat"], file["lon"]
    return Source(
        name="mask",
        data=data,
        chunks=(1200, 1200),
        fill_value=False,
        dimension_names=("latitude", "longitude"),
        attributes={
            "long_name": "water (true) or land (false)",
            "latitude": _ends(latitude),
            "longitude": _ends(longitude),
        },
        region=(slice(10_200, 11_400), slice(33_000, 38_400)),
    )


def sea_surface_temperature() -> Source:
    """Load 54 monthly means of the sea-surface temperature near the equator, in kelvin."""
    path = _installed("iris-sample-data", "ostia_monthly.nc")
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        variable = file["surface_temperature"]
        attributes = {name: variable.getncattr(name) for name in variable.ncattrs()}
        return Source(
            name="temperature",
            data=variable[...],
            chunks=(6, 18, 144),
            fill_value=attributes.pop("_FillValue"),
            dimension_names=variable.dimensions,
            attributes=attributes
            | {name: _ends(file[name][...]) for name in ("latitude", "longitude")}
            | {"first_month": _month(file["time"]), "conventions": file.Conventions},
            region=(slice(0, 12), slice(None), slice(100, 200)),
        )


def _installed(distribution_name: str, file_name: str) -> Path:
    """Return the path of a data file that a distribution has installed."""
    files = distribution(distribution_name).files or ()
    return Path(str(next(f.locate() for f in files if f.name == file_name)))


def _month(time: netCDF4.Variable[Any]) -> str:
    """Return the first point in time of a variable as year and month."""
    first = netCDF4.num2date(time[0], time.units, time.calendar)
    return f"{first:%Y-%m}"


def _ends(coordinate: NDArray[Any]) -> dict[str, Any]:
    """Return an evenly spaced coordinate, in degrees, as its two ends."""
    return {"first": float(coordinate[0]), "last": float(coordinate[-1]), "units": "degrees"}
