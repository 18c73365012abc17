"""Arrays on top of a backend, as users make them."""

from __future__ import annotations

from typing import Any

import numpy as np

import zarr_backends as zb
from zarr_backends_compliance._kernel.expect import equal
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["LAYOUTS", "make_array", "numbers", "open_array", "same_array"]

LAYOUTS: tuple[dict[str, Any], ...] = (
    {"zarr_format": 3, "chunks": (3, 4)},
    {"zarr_format": 3, "chunks": (2, 2), "shards": (4, 6)},
    {"zarr_format": 2, "chunks": (3, 4)},
    {"zarr_format": 3, "chunks": (3, 4), "chunk_key_encoding": {"name": "v2"}},
)
"""Ways to store an array of two dimensions: plain, sharded, in the old format, with its keys."""


def make_array(t: Trial, name: str = "a", **members: Any) -> zb.Array:
    """Make an array by `zarr_backends.create` at a place of a trial.

    Args:
        t: The trial.
        name: Name of the place.
        **members: What `zarr_backends.create` takes; by default 10 x 13 numbers in small chunks.

    Returns:
        The array; its backend is closed at the end of the trial.
    """
    told = {"shape": (10, 13), "chunks": (3, 4), "dtype": "int32", **members}
    told.setdefault("overwrite", not t.target.has_places)
    return zb.create(t.create(name), **told)


def open_array(t: Trial, array: zb.Array, name: str = "a", **options: Any) -> zb.Array:
    """Return a second array on the same place, opened after the first one has settled.

    Args:
        t: The trial.
        array: The first one.
        name: Name of its place.
        **options: ``read_only``.
    """
    t.settle(array.backend)
    return zb.open(t.open(name) if t.target.has_places else array.backend, **options)


def numbers(shape: tuple[int, ...], dtype: str = "int32", seed: int = 0) -> Any:
    """Return an array of values that differ, of any dtype, the same for the same arguments."""
    random = np.random.default_rng([seed, *shape])
    if dtype == "string":
        texts = [f"{'ä' * int(n)}{n}" for n in random.integers(0, 30, shape).ravel()]
        return np.array(texts, dtype=np.dtypes.StringDType()).reshape(shape)
    kind = np.dtype(dtype)
    if kind.kind in "biufc":
        values = random.normal(0, 50, shape)
        return (
            (values + 1j * values[::-1]).astype(kind) if kind.kind == "c" else values.astype(kind)
        )
    return random.integers(0, 10**6, shape).astype("int64").astype(kind)


def same_array(seen: Any, expected: Any, what: str) -> None:
    """Fail unless what an array gave is equal to what NumPy has, in shape and dtype as well.

    Args:
        seen: What was read.
        expected: What it should be.
        what: What it is, to begin the sentence with.
    """
    seen, expected = np.asarray(seen), np.asarray(expected)
    equal(seen.shape, expected.shape, f"the shape of {what}")
    equal(str(seen.dtype), str(expected.dtype), f"the dtype of {what}")
    unequal = np.argwhere((seen != expected) & ~_both_nan(seen, expected))
    if len(unequal):
        at = tuple(int(i) for i in unequal[0])
        violated(
            f"{what}: {len(unequal)} of {seen.size} elements are wrong, first "
            f"{seen[at]!r} at {at}, not {expected[at]!r}"
        )


def _both_nan(seen: Any, expected: Any) -> Any:
    """Return where both are no number."""
    return (seen != seen) & (expected != expected)  # noqa: PLR0124  # that is how NaN is told
