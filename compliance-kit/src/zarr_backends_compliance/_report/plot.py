"""The performance profile as a drawing: four panels, drawn as SVG without any library.

Latency is above, throughput below; put is left, get is right. Each panel has three groups,
one a size of chunks, and in each group a dot for every number of threads. The axis is
logarithmic, so that equal ratios are equal distances.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from zarr_backends_compliance._report.performance import NBYTES, THREADS, Cell

__all__ = ["plot"]

_COLOURS = {"backend": "#c2410c", "filesystem": "#0369a1", "memory": "#737373"}

_WIDTH, _HEIGHT = 400, 210
"""Size of a panel, margins included."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 28, 38
"""Margins of a panel."""

_LEGEND = 26
"""Height of the line above the panels."""


def plot(profiles: Mapping[str, Sequence[Cell]], name: str) -> str:
    """Return a drawing of performance profiles.

    Args:
        profiles: By name, as `profiles_beside` returns them.
        name: What the tested backend is called.
    """
    width, height = 2 * _WIDTH, 2 * _HEIGHT + _LEGEND
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = 'font-family="sans-serif" font-size="11" fill="#222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *_legend(profiles, name),
    ]
    measures = (("latency in ms", _latency_ms), ("throughput in MB/s", _throughput))
    for (row, (title, measure)), (column, operation) in itertools.product(
        enumerate(measures), enumerate(("put", "get"))
    ):
        shift = f"translate({column * _WIDTH} {row * _HEIGHT + _LEGEND})"
        parts.append(f'<g transform="{shift}">')
        parts += _panel(profiles, operation, f"{operation}: {title}", measure)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _latency_ms(cell: Cell) -> float:
    """Return the milliseconds of a call."""
    return cell.latency_s * 1e3


def _throughput(cell: Cell) -> float:
    """Return millions of bytes a second."""
    return cell.nbytes_per_second / 1e6


def _legend(profiles: Mapping[str, Sequence[Cell]], name: str) -> Iterator[str]:
    """Yield the line above the panels."""
    x = _LEFT
    for profile in profiles:
        label = _escaped(name if profile == "backend" else profile)
        yield f'<circle cx="{x}" cy="14" r="4" fill="{_COLOURS[profile]}"/>'
        yield f'<text x="{x + 8}" y="18">{label}</text>'
        x += 30 + 7 * len(label)


def _panel(
    profiles: Mapping[str, Sequence[Cell]],
    operation: str,
    title: str,
    measure: Callable[[Cell], float],
) -> Iterator[str]:
    """Yield one panel."""
    values = {
        name: {(c.nbytes, c.threads): measure(c) for c in cells if c.operation == operation}
        for name, cells in profiles.items()
    }
    everything = [value for cells in values.values() for value in cells.values() if value > 0]
    low = math.floor(math.log10(min(everything, default=1)))
    high = max(low + 1, math.ceil(math.log10(max(everything, default=10))))

    def y_of(value: float) -> float:
        share = (math.log10(value) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    yield f'<text x="{_LEFT}" y="{_TOP - 10}" font-weight="bold">{title}</text>'
    for power in range(low, high + 1):
        y = y_of(10.0**power)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(power)}</text>'
    yield from _groups()
    for name, cells in values.items():
        points = {key: (_x_of(*key), y_of(value)) for key, value in cells.items() if value > 0}
        yield from _series(points, _COLOURS[name])


def _groups() -> Iterator[str]:
    """Yield what is written below the axis: threads, and sizes."""
    y = _HEIGHT - _BOTTOM
    for nbytes, threads in itertools.product(NBYTES, THREADS):
        x = _x_of(nbytes, threads)
        yield f'<text x="{x:.1f}" y="{y + 14}" text-anchor="middle" font-size="9">{threads}</text>'
    for nbytes in NBYTES:
        x = _x_of(nbytes, THREADS[1])
        size = f"{nbytes // 1024} KiB" if nbytes < 2**20 else "1 MiB"
        yield f'<text x="{x:.1f}" y="{y + 28}" text-anchor="middle">{size}, threads</text>'


def _series(points: Mapping[tuple[int, int], tuple[float, float]], colour: str) -> Iterator[str]:
    """Yield the dots of a backend, joined within each size."""
    for nbytes in NBYTES:
        group = [points[key] for key in itertools.product((nbytes,), THREADS) if key in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in group)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        for x, y in group:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _x_of(nbytes: int, threads: int) -> float:
    """Return where the dots of a size and a number of threads are."""
    group = (_WIDTH - _LEFT - _RIGHT) / len(NBYTES)
    return _LEFT + group * (NBYTES.index(nbytes) + (THREADS.index(threads) + 0.8) / 3.6)


def _number(power: int) -> str:
    """Return a power of ten as it is written on the axis."""
    if power < 0:
        return f"{10.0**power:.{-power}f}"
    return f"{10 ** (power % 3)}{('', 'k', 'M', 'G')[power // 3]}"


def _escaped(text: str) -> str:
    """Return a text as XML has it."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
