"""Any history of one array leaves it equal to a NumPy array with the same history."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import zarr_backends as zb

FILL = -3


class ArrayMachine(RuleBasedStateMachine):
    """Writes, resizes, appends, deletes and reopens; compares all elements after each step."""

    @initialize(
        shape=st.tuples(st.integers(0, 9), st.integers(0, 9)),
        chunks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        shards=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
        storage=st.sampled_from(["memory", "filesystem"]),
        zarr_format=st.sampled_from([2, 3]),
    )
    def create(self, shape: Any, chunks: Any, shards: Any, storage: str, zarr_format: Any) -> None:
        """Start with an array of fill values."""
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "a"
        if shards is not None:
            shards = (shards[0] * chunks[0], shards[1] * chunks[1]) if zarr_format == 3 else None
        self.array = zb.create(
            "memory:" if storage == "memory" else path,
            shape=shape,
            chunks=chunks,
            shards=shards,
            dtype="int16",
            fill_value=FILL,
            zarr_format=zarr_format,
        )
        self.model = np.full(shape, FILL, dtype="int16")

    @rule(data=st.data(), value=st.sampled_from([FILL, 1, 2, 3]))
    def write_a_region(self, data: st.DataObject, value: int) -> None:
        """Write one value to a region with steps."""
        key = tuple(data.draw(st.slices(n)) for n in self.model.shape)
        self.array[key] = value
        self.model[key] = value

    @rule(seed=st.integers(0, 99))
    def write_everything(self, seed: int) -> None:
        """Write different values everywhere."""
        block = np.random.default_rng(seed).integers(-5, 5, self.model.shape, dtype="int16")
        self.array[...] = block
        self.model[...] = block

    @rule(shape=st.tuples(st.integers(0, 11), st.integers(0, 11)))
    def resize(self, shape: tuple[int, int]) -> None:
        """Cut off and grow; what is new reads as fill value."""
        self.array.resize(shape)
        resized = np.full(shape, FILL, dtype="int16")
        both = tuple(slice(0, min(a, b)) for a, b in zip(shape, self.model.shape, strict=True))
        resized[both] = self.model[both]
        self.model = resized

    @precondition(lambda self: self.model.size < 400)
    @rule(axis=st.sampled_from([0, 1, -1]), length=st.integers(0, 3))
    def append(self, axis: int, length: int) -> None:
        """Lengthen either dimension."""
        shape = list(self.model.shape)
        shape[axis] = length
        block = np.arange(np.prod(shape), dtype="int16").reshape(shape)
        self.array.append(block, axis=axis)
        self.model = np.concatenate([self.model, block], axis=axis)

    @rule(data=st.data())
    def delete_a_chunk(self, data: st.DataObject) -> None:
        """Delete a stored chunk behind the array's back; it reads as fill values."""
        stored = sorted(self.array.backend.list_chunks())
        if not stored:
            return
        index = data.draw(st.sampled_from(stored))
        unit = self.array.shards or self.array.chunks
        self.array.backend.delete_chunk(index)
        self.model[tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, unit, strict=True))] = (
            FILL
        )

    @rule()
    def reopen(self) -> None:
        """Go on with another array on the same place."""
        self.array.attrs["reopened"] = True
        self.array = zb.open(self.array.backend)
        assert self.array.attrs["reopened"] is True

    @invariant()
    def equals_the_model(self) -> None:
        """Shape, elements and stored chunks are what they must be."""
        if not hasattr(self, "array"):
            return
        assert self.array.shape == self.model.shape
        np.testing.assert_array_equal(self.array[...], self.model)
        unit = self.array.shards or self.array.chunks
        for index in self.array.backend.list_chunks():
            region = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, unit, strict=True))
            assert (self.model[region] != FILL).any()

    def teardown(self) -> None:
        """Remove the folder."""
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestArrayStates = ArrayMachine.TestCase
TestArrayStates.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)
