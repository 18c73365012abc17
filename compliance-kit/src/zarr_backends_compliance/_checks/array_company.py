"""The array on top, together with others: zarr-python, other arrays, processes and threads."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import zarr

import zarr_backends as zb
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.array_states import run_array_states
from zarr_backends_compliance._tools.arrays import (
    LAYOUTS,
    make_array,
    numbers,
    open_array,
    same_array,
)

__all__: list[str] = []


@check(
    "ZB-ARRAY-20",
    "Any history of an array leaves it equal to a NumPy array with the same history.",
    hint="The steps that led there are shown; the last ones matter most.",
    timeout_s=900,
)
def any_history_leaves_what_numpy_has(t: Trial) -> None:
    """Hypothesis chooses layouts and steps: write, resize, append, delete, overwrite, open."""
    run_array_states(t)


@check(
    "ZB-ARRAY-21",
    "zarr-python reads what was written, and what it writes is read, through zarr_store.",
    hint="Keys and documents are those of the Zarr specification; values are byte-exact.",
)
def zarr_python_reads_and_writes(t: Trial) -> None:
    """A single array in every layout."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", attributes={"unit": "K"}, **layout)
        a[...] = model = numbers((10, 13))
        z = zarr.open_array(zb.zarr_store(a.backend), mode="r+")
        equal(dict(z.attrs), {"unit": "K"}, "what zarr-python has as attributes")
        same_array(z[...], model, f"what zarr-python reads with {layout}")
        z[2:9, 3:] = model[2:9, 3:] = 9
        same_array(open_array(t, a, f"a{i}")[...], model, f"what zarr-python wrote with {layout}")


@check(
    "ZB-ARRAY-22",
    "A backend with keys holds a whole hierarchy of groups and arrays.",
    hint="Keys may have any number of segments, and list_keys(prefix) takes any beginning.",
    needs=("keys",),
)
def a_hierarchy_is_held(t: Trial) -> None:
    """Groups in groups, arrays with names that begin alike, members and deletion."""
    store = zb.zarr_store(t.create())
    root = zarr.create_group(store, attributes={"title": "root"})
    for i, path in enumerate(("a", "a b", "ab", "deep/er/a", "deep/er/ä", "deep/er2")):
        root.create_array(path, data=numbers((5, 4), seed=i), chunks=(2, 3))
    equal(sorted(root.keys()), ["a", "a b", "ab", "deep"], "what the root has as members")
    group = zarr.open_group(store, path="deep/er")
    equal(sorted(group.keys()), ["a", "ä"], "what a group has as members")
    del root["a"]
    equal(sorted(root.keys()), ["a b", "ab", "deep"], "what is left when one array is deleted")
    for i, path in ((1, "a b"), (2, "ab"), (3, "deep/er/a"), (4, "deep/er/ä"), (5, "deep/er2")):
        found = zarr.open_array(store, path=path)
        same_array(found[...], numbers((5, 4), seed=i), f"the array {path!r}")


@check(
    "ZB-ARRAY-23",
    "An array is copied to another backend and back, chunk bytes as they are.",
    hint="Copying lists the chunks, and reads and writes each.",
)
def a_copy_is_equal(t: Trial) -> None:
    """To memory and back, with chunks that are not stored."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", fill_value=3, attributes={"unit": "K"}, **layout)
        a[4:, 5:] = numbers((6, 8))
        t.settle(a.backend)
        there = zb.copy(a, "memory:")
        same_array(there[...], a[...], f"the copy in memory with {layout}")
        back = zb.copy(there, t.create(f"b{i}"), overwrite=not t.target.has_places)
        same_array(open_array(t, back, f"b{i}")[...], there[...], "the copy of the copy")
        equal(dict(back.attrs), {"unit": "K"}, "what the copy has as attributes")


@check(
    "ZB-ARRAY-24",
    "An array that is pickled works in another process.",
    hint="Pickle the options, not the connection: the other process connects for itself.",
    needs=("places", "processes"),
)
def a_pickled_array_works_elsewhere(t: Trial) -> None:
    """It reads there, and what it writes there is read here."""
    a = make_array(t)
    a[...] = model = numbers((10, 13))
    t.settle(a.backend)
    total = t.child(_add_elsewhere, pickle.dumps(a))
    equal(total, int(model.sum()), "the sum of the array in another process")
    same_array(open_array(t, a)[...], model + 1, "what another process wrote")


@check(
    "ZB-ARRAY-25",
    "Threads write to different regions of one array, and none disturbs another.",
    hint="Methods are called from several threads at once; a connection or buffer that they share "
    "has to be guarded.",
)
def threads_write_different_regions(t: Trial) -> None:
    """Whole chunks, and rows that share chunks and shards with other threads' rows."""
    n = t.profile.threads
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", shape=(n, 13), **layout)
        model = numbers((n, 13))
        rows = t.threads(n, _write_row, a, model)
        same_array(np.array(rows), model, f"what {n} threads read of their rows with {layout}")
        same_array(a[...], model, f"rows of {n} threads with {layout}")
        same_array(open_array(t, a, f"a{i}")[...], model, f"the same, opened again, with {layout}")


@check(
    "ZB-ARRAY-26",
    "Many chunks are read and written at once, each at its place.",
    hint="Batches keep the order that was asked for; concurrent calls do not share buffers.",
)
def many_chunks_find_their_places(t: Trial) -> None:
    """More chunks than a batch of a hundred, which begin alike, in one go and in part."""
    a = make_array(t, shape=(150, 120), chunks=(10, 10), compressor=None)
    model = numbers((150, 120))
    model.reshape(15, 10, 120)[:, :5] = 1
    a[...] = model
    same_array(a[...], model, "an array of 180 chunks")
    same_array(a[1:149:3, ::-1], model[1:149:3, ::-1], "every third row of it, backwards")
    a[::2, 5:] = model[::2, 5:] = -model[::2, 5:]
    same_array(open_array(t, a)[...], model, "the array after partial writes of all chunks")
    for region, block in a.iter_chunks():
        same_array(block, model[region], f"the chunk at {region}")


def _add_elsewhere(_: Trial, pickled: bytes) -> int:
    """Read an array and add 1 to every element."""
    with pickle.loads(pickled) as a:  # noqa: S301  # the check pickled it
        total = int(np.sum(a[...]))
        a[...] = a[...] + 1
    return total


def _write_row(i: int, a: zb.Array, model: Any) -> Any:
    """Write a row piece by piece, and read it."""
    for start in range(0, 13, 5):
        a[i, start : start + 5] = model[i, start : start + 5]
    return a[i]
