"""A state machine that does things to an array, and the same things to one of NumPy."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import zarr_backends as zb
from zarr_backends_compliance._kernel.expect import indices, is_true
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.arrays import make_array, open_array, same_array

__all__ = ["run_array_states"]

_FILL = -3

_LENGTHS = st.tuples(st.integers(0, 9), st.integers(0, 9))


class _Machine(RuleBasedStateMachine):
    """Compares all elements after each step."""

    t: Trial
    names: Any

    @initialize(
        shape=_LENGTHS,
        chunks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        shards=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
        zarr_format=st.sampled_from([3, 2]),
    )
    def create(self, shape: Any, chunks: Any, shards: Any, zarr_format: Any) -> None:
        """Start with an array of fill values at a place of its own."""
        if shards is not None:
            shards = (shards[0] * chunks[0], shards[1] * chunks[1]) if zarr_format == 3 else None  # noqa: PLR2004  # the format
        self.members = {
            "chunks": chunks, "shards": shards, "zarr_format": zarr_format,
            "dtype": "int16", "fill_value": _FILL,
        }  # fmt: skip
        self.name = f"s{next(self.names)}"
        self.array = make_array(self.t, self.name, shape=shape, **self.members)
        self.model = np.full(shape, _FILL, dtype="int16")

    @rule(data=st.data(), value=st.sampled_from([_FILL, 1, 2, 3]))
    def write_a_region(self, data: st.DataObject, value: int) -> None:
        """Write one value to a region with steps."""
        key = tuple(data.draw(st.slices(n)) for n in self.model.shape)
        self.array[key] = value
        self.model[key] = value

    @rule(number=st.integers(0, 99))
    def write_everything(self, number: int) -> None:
        """Write different values everywhere."""
        block = np.random.default_rng(number).integers(-5, 5, self.model.shape, dtype="int16")
        self.array[...] = block
        self.model[...] = block

    @rule(shape=_LENGTHS)
    def resize(self, shape: tuple[int, int]) -> None:
        """Cut off and grow; what is new reads as fill value."""
        self.array.resize(shape)
        resized = np.full(shape, _FILL, dtype="int16")
        both = tuple(slice(0, min(a, b)) for a, b in zip(shape, self.model.shape, strict=True))
        resized[both] = self.model[both]
        self.model = resized

    @precondition(lambda self: self.model.size < 200)  # noqa: PLR2004  # else it grows and grows
    @rule(axis=st.sampled_from([0, 1]), length=st.integers(0, 3))
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
        stored = indices(self.array.backend.list_chunks())
        if stored:
            index = data.draw(st.sampled_from(stored))
            self.array.backend.delete_chunk(index)
            self.model[self._region(index)] = _FILL

    @rule()
    def open_again(self) -> None:
        """Go on with a second array on the same place."""
        self.array.attrs["opened"] = True
        self.array = open_array(self.t, self.array, self.name)
        is_true(self.array.attrs["opened"], "an attribute is lost when the array is opened again")

    @rule()
    def overwrite(self) -> None:
        """Make a new array of the same shape over this one."""
        shape = self.model.shape
        self.array = zb.create(self.array.backend, shape=shape, overwrite=True, **self.members)
        self.model = np.full(shape, _FILL, dtype="int16")

    @invariant()
    def equals_the_model(self) -> None:
        """Elements and stored chunks are what they must be."""
        if not hasattr(self, "array"):
            return
        same_array(self.array[...], self.model, "the array")
        for index in indices(self.array.backend.list_chunks()):
            stored = (self.model[self._region(index)] != _FILL).any()
            is_true(stored, f"chunk {index} is stored, and it is all fill value")

    def _region(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Return what a chunk, or shard, covers."""
        unit = self.array.shards or self.array.chunks
        return tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, unit, strict=True))


def run_array_states(t: Trial) -> None:
    """Try histories of an array, as many as the profile wants.

    Args:
        t: The trial, whose seed decides what is tried.
    """
    machine = type("ArrayMachine", (_Machine,), {"t": t, "names": count()})
    seed(str(t.seed))(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=t.profile.examples,
            stateful_step_count=15,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
