"""A picture of what was stored: how warm the sea is around the islands of Indonesia."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

import zarr_backends as zb
from zarr_backends import Array

__all__ = ["save_map"]

_BOUNDS = {"latitude": (-5.0, 4.5), "longitude": (95.0, 142.0)}
"""First and last degree of the picture, for the last two dimensions of both arrays: Sumatra
to New Guinea. The temperatures reach no further from the equator."""

_STEP = 2
"""Of the mask, every so many cells are drawn in either direction."""

_ZERO_CELSIUS = 273.15
"""In kelvin."""

_LAND = "#4a4a46"


def save_map(mask: Path, temperature: Path, picture: Path) -> None:
    """Read a region of both stored arrays and save it as a PNG file.

    Args:
        mask: Where the land mask is stored.
        temperature: Where the sea-surface temperature is stored.
        picture: File to write.
    """
    with zb.open(mask, read_only=True) as array:
        rows, columns = (_window(array, name, _STEP) for name in _BOUNDS)
        water = array[rows, columns]
    with zb.open(temperature, read_only=True) as array:
        rows, columns = (_window(array, name) for name in _BOUNDS)
        kelvin = array[0, rows, columns]
        celsius = _without_gaps(kelvin, kelvin != array.fill_value) - _ZERO_CELSIUS
        month = array.attrs["first_month"]
    _draw(water, celsius, f"Sea-surface temperature in {month}, and the land mask", picture)


def _window(array: Array, name: str, step: int = 1) -> slice:
    """Return the indices along a dimension whose coordinates lie in the picture."""
    length = array.shape[(array.dimension_names or ()).index(name)]
    ends = array.attrs[name]
    coordinate = np.linspace(ends["first"], ends["last"], length)
    low, high = _BOUNDS[name]
    inside = np.flatnonzero((coordinate >= low) & (coordinate <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1, step)


def _without_gaps(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values with the unknown ones taken from their neighbours, ring by ring."""
    # The temperatures end some 50 km off the coast, which the mask draws much more finely:
    # without this the islands would have a white rim.
    values = np.where(known, values, 0.0)
    while not known.all():
        total = np.sum(_neighbours(values), axis=0)
        count = np.sum(_neighbours(known.astype(np.int64)), axis=0)
        fill = ~known & (count > 0)
        values[fill] = total[fill] / count[fill]
        known = known | fill
    return values


def _neighbours(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the array moved by one element in each of four directions, zeros moving in."""
    wide = np.pad(values, 1)
    return [wide[2:, 1:-1], wide[:-2, 1:-1], wide[1:-1, 2:], wide[1:-1, :-2]]


def _draw(water: NDArray[np.bool_], celsius: NDArray[Any], title: str, picture: Path) -> None:
    """Draw temperatures, lowest latitude first, under a mask, highest latitude first."""
    (west, east), (south, north) = _BOUNDS["longitude"], _BOUNDS["latitude"]
    extent = (west, east, south, north)
    figure = Figure(figsize=(14, 3.4), dpi=120, layout="constrained")
    axes = figure.subplots()
    sea = axes.imshow(celsius, extent=extent, origin="lower", interpolation="bicubic", cmap="turbo")
    land = np.ma.masked_where(water, np.ones_like(water, dtype=np.uint8))
    axes.imshow(land, extent=extent, cmap=ListedColormap([_LAND]), interpolation="nearest")
    axes.set_title(title, loc="left")
    axes.xaxis.set_major_formatter("{x:.0f}° E")
    axes.yaxis.set_major_formatter("{x:.0f}°")
    axes.spines[:].set_visible(False)
    figure.colorbar(sea, ax=axes, label="°C", pad=0.01, shrink=0.75, aspect=14)
    figure.savefig(picture)
