"""The array on top: what NumPy would hold after the same things had been done to it."""

from __future__ import annotations

import numpy as np

import zarr_backends as zb
from zarr_backends import ArrayExistsError, ArrayNotFoundError, CodecError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.arrays import (
    LAYOUTS,
    make_array,
    numbers,
    open_array,
    same_array,
)

__all__: list[str] = []

_HINT = "Some checks of single members fail as well, most likely; begin with those."

_DTYPES = ("bool", "int8", "uint16", ">i4", "float64", "complex64", "M8[s]", "S5", "U3", "string")


@check(
    "ZB-ARRAY-01",
    "zarr_backends.create and open give an array on the backend, which keeps what is written.",
    hint=_HINT,
)
def an_array_is_created_and_opened(t: Trial) -> None:
    """By the class and its options, as users do it; in every layout."""
    for i, layout in enumerate(LAYOUTS):
        options = t.options(f"a{i}")
        a = zb.create(storage=t.target.backend, shape=(10, 13), dtype="int32", **layout, **options)
        with a:
            a[...] = numbers((10, 13))
            b = open_array(t, a, f"a{i}")
            equal((b.shape, b.zarr_format), ((10, 13), layout["zarr_format"]), "the opened array")
            same_array(b[...], numbers((10, 13)), f"the array with {layout}")
            b.close()


@check(
    "ZB-ARRAY-02",
    "Every data type comes back as it was written.",
    hint="Chunks are bytes: nothing may be decoded, stripped, translated or decompressed.",
)
def every_data_type_comes_back(t: Trial) -> None:
    """Numbers of all kinds, times, and strings of fixed and of any length; v2 and v3."""
    for i, dtype in enumerate(_DTYPES):
        for zarr_format in (2, 3):
            name = f"{zarr_format}-{i}"
            a = make_array(
                t, name, shape=(7, 5), chunks=(3, 2), dtype=dtype, zarr_format=zarr_format
            )
            values = numbers((7, 5), dtype)
            a[...] = values
            expected = values.astype(values.dtype.newbyteorder("=")) if dtype[0] == ">" else values
            same_array(open_array(t, a, name)[...], expected, f"{dtype} in v{zarr_format}")


@check(
    "ZB-ARRAY-03",
    "Bytes of every codec come back, whatever they look like.",
    hint="A store, proxy or client that unpacks gzip or zstd by itself, or that trims what it "
    "takes for padding, destroys chunks: switch it off.",
)
def bytes_of_every_codec_come_back(t: Trial) -> None:
    """Bare numbers, gzip, zstd, checksums; values that are text, ends of lines and zeros."""
    text = np.frombuffer(
        b"\r\n\x1a\x00 a\tb\x00\xff\xfe\xef\xbb\xbf\x1f\x8b\n\r \x00\x00\x00\x00" * 8, "u1"
    )
    for compressor in (None, "gzip", "zstd"):
        for zarr_format in (2, 3):
            name = f"{compressor}-{zarr_format}"
            a = make_array(
                *(t, name),
                shape=text.shape, chunks=(29,), dtype="u1", compressor=compressor,
                zarr_format=zarr_format,
            )  # fmt: skip
            a[...] = text
            same_array(open_array(t, a, name)[...], text, f"text with {compressor}")


@check(
    "ZB-ARRAY-04",
    "Writing a part of a chunk keeps the rest of it.",
    hint="Partial writes read, change and write back: look at update_chunk, and at reading right "
    "after writing.",
)
def a_partial_write_keeps_the_rest(t: Trial) -> None:
    """Slices that cut chunks and shards, with steps, over what is there and what is not."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", **layout)
        model = np.zeros((10, 13), "int32")
        for key in ((slice(1, 2), slice(1, 12)), (slice(0, 10, 3), slice(2, 3)), (5, 7), (-1, -1)):
            a[key] = model[key] = t.random.randrange(1, 1000)
            same_array(a[...], model, f"the array with {layout} after writing {key}")
        same_array(open_array(t, a, f"a{i}")[...], model, f"the array with {layout}, opened again")


@check(
    "ZB-ARRAY-05",
    "Reading and writing any selection gives what NumPy gives.",
    hint=_HINT,
)
def random_selections_are_numpys(t: Trial) -> None:
    """Integers, slices with steps, an ellipsis; seeded."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", **layout)
        a[...] = model = numbers((10, 13))
        for _ in range(t.profile.rounds):
            key = tuple(t.random.choice(_keys(t, n)) for n in (10, 13))
            same_array(a[key], model[key], f"the selection {key} with {layout}")
            a[key] = model[key] = t.random.randrange(1000)
        same_array(open_array(t, a, f"a{i}")[...], model, f"the array with {layout}")


@check(
    "ZB-ARRAY-06",
    "Attributes are kept as they were set, also where one is changed or removed.",
    hint="write_metadata replaces the document; it does not merge into the old one.",
)
def attributes_are_kept(t: Trial) -> None:
    """Texts, numbers and nested values, in both formats."""
    said = {"unit": "K", "ü€😀": [1, 2.5, None, True], "deep": {"a": {"b": {}}}, "gone": 1}
    for zarr_format in (2, 3):
        a = make_array(t, f"v{zarr_format}", zarr_format=zarr_format, attributes=said)
        equal(dict(open_array(t, a, f"v{zarr_format}").attrs), said, "the attributes")
        del a.attrs["gone"]
        a.attrs["unit"] = {"new": "°C"}
        left = {"unit": {"new": "°C"}, "ü€😀": said["ü€😀"], "deep": said["deep"]}
        equal(dict(open_array(t, a, f"v{zarr_format}").attrs), left, "the attributes after changes")


@check(
    "ZB-ARRAY-07",
    "An array that is made smaller loses what is outside; made larger, it reads fill values there.",
    hint="Chunks outside are found by list_chunks and deleted; one that is forgotten comes back.",
)
def a_resized_array_forgets_what_is_outside(t: Trial) -> None:
    """Down, up again, to nothing, and up."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", fill_value=-1, **layout)
        a[...] = model = numbers((10, 13))
        for shape in ((7, 5), (14, 30), (0, 30), (10, 13)):
            a.resize(shape)
            old, model = model, np.full(shape, -1, "int32")
            both = tuple(slice(0, min(pair)) for pair in zip(old.shape, shape, strict=True))
            model[both] = old[both]
            same_array(open_array(t, a, f"a{i}")[...], model, f"the array resized to {shape}")


@check(
    "ZB-ARRAY-08",
    "What is appended stands at the end, beyond what was there.",
    hint=_HINT,
)
def what_is_appended_stands_at_the_end(t: Trial) -> None:
    """Along both dimensions, by lengths that are no multiple of the chunk's."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", **layout)
        a[...] = model = numbers((10, 13))
        for axis, shape in ((0, (3, 13)), (1, (13, 2)), (0, (8, 15))):
            a.append(numbers(shape, seed=axis), axis=axis)
            model = np.concatenate([model, numbers(shape, seed=axis)], axis=axis)
        same_array(open_array(t, a, f"a{i}")[...], model, f"the array with {layout}")


@check(
    "ZB-ARRAY-09",
    "What was never written, or whose chunk was deleted, reads as the fill value.",
    hint="ChunkNotFoundError is how an array learns that it has to fill in; and the metadata has "
    "to keep fill values such as NaN and infinity as they were written.",
)
def what_is_missing_reads_as_fill_value(t: Trial) -> None:
    """Fill values of several kinds, in both formats."""
    fills = (("float64", np.nan), ("float32", -np.inf), ("int16", -7), ("U3", "äb"), ("bool", True))
    for dtype, fill in fills:
        for zarr_format in (2, 3):
            name = f"{dtype}-{zarr_format}"
            a = make_array(t, name, shape=(6,), chunks=(2,), dtype=dtype, fill_value=fill,
                           zarr_format=zarr_format)  # fmt: skip
            same_array(a[...], np.full(6, fill, dtype), f"an unwritten array of {dtype}")
            a[2:5] = values = numbers((3,), dtype)
            a.backend.delete_chunk((2,))
            expected = np.full(6, fill, dtype)
            expected[2:4] = values[:2]
            same_array(open_array(t, a, name)[...], expected, f"{dtype} with a deleted chunk")


@check(
    "ZB-ARRAY-10",
    "A chunk that is all fill value is not stored.",
    hint="It is deleted, by delete_chunk or by an update whose transform returns None.",
)
def a_chunk_of_fill_values_is_not_stored(t: Trial) -> None:
    """Whole chunks, and the last other element of a chunk; the array itself stays."""
    for i, layout in enumerate(LAYOUTS):
        a = make_array(t, f"a{i}", **layout)
        a[...] = 5
        a[0:10:2, 0:12] = 0
        a[1:10:2, 0:12] = 0
        kept = sorted({(r // n, 12 // m) for n, m in [a.shards or a.chunks] for r in range(10)})
        equal(indices(a.backend.list_chunks()), kept, "the list of chunks that are not all fill")
        a[...] = 0
        equal(indices(a.backend.list_chunks()), [], "the list of chunks of an array of fill values")
        same_array(open_array(t, a, f"a{i}")[...], np.zeros((10, 13), "int32"), "what is left")
        a[9, 12] = a[0, 0] = 7
        equal([int(a[9, 12]), int(a[0, 0])], [7, 7], "what is written where a chunk was deleted")


@check(
    "ZB-ARRAY-11",
    "A chunk that cannot be decoded is an error of its array: it never reads as the fill value.",
    hint="Only ChunkNotFoundError says that a chunk is missing.",
)
def a_broken_chunk_is_an_error(t: Trial) -> None:
    """Garbage, one byte too many, nothing at all; other chunks still read."""
    for i, zarr_format in enumerate((3, 2)):
        a = make_array(t, f"a{i}", zarr_format=zarr_format)
        a[...] = model = numbers((10, 13))
        for garbage in (b"garbage", b"\0" * 49, b""):
            a.backend.write_chunk((0, 0), garbage)
            raises(CodecError, a.__getitem__, (0, 0))
            same_array(a[3:, 4:], model[3:, 4:], "the rest of an array with a broken chunk")


@check(
    "ZB-ARRAY-12",
    "An occupied place is refused with ArrayExistsError, and nothing is changed.",
    hint="create only connects; exists() has to tell at once, in both formats.",
)
def an_occupied_place_is_refused(t: Trial) -> None:
    """In each format over each."""
    for zarr_format in (2, 3):
        a = make_array(t, f"v{zarr_format}", zarr_format=zarr_format)
        a[...] = numbers((10, 13))
        t.settle(a.backend)
        for other in (2, 3):
            backend = t.create(f"v{zarr_format}") if t.target.has_places else a.backend
            raises(ArrayExistsError, zb.create, backend, shape=(3,), zarr_format=other)
        same_array(open_array(t, a, f"v{zarr_format}")[...], numbers((10, 13)), "what was there")


@check(
    "ZB-ARRAY-13",
    "overwrite=True leaves nothing of what was there.",
    hint="Chunks are found by list_chunks: all of them have to be listed, in whatever format.",
)
def overwriting_leaves_nothing(t: Trial) -> None:
    """From each format to each, and more chunks than a page of a listing."""
    for i, old in enumerate(LAYOUTS):
        for j, new in enumerate(LAYOUTS):
            a = make_array(t, f"{i}-{j}", **old)
            a[...] = 1
            told = {"shape": (10, 13), "dtype": "int32", "overwrite": True, **new}
            zeros = open_array(t, zb.create(a.backend, **told), f"{i}-{j}")
            same_array(zeros[...], np.zeros((10, 13), "int32"), f"{new} over {old}")
    count = t.profile.listed[-1]
    a = make_array(t, "many", shape=(count,), chunks=(1,), dtype="u1", compressor=None)
    a[...] = 1
    a.resize((0,))
    equal(indices(a.backend.list_chunks()), [], f"the list of chunks of {count}, resized to 0,")


@check(
    "ZB-ARRAY-14",
    "There is no array where none was made.",
    hint="open raises ArrayNotFoundError where there is no metadata, chunks or not.",
)
def no_array_is_no_array(t: Trial) -> None:
    """An empty place, and one with a chunk but no metadata."""
    backend = t.create("empty")
    if not t.target.has_places and backend.exists():
        return
    raises(ArrayNotFoundError, zb.open, backend)
    backend.write_chunk((0,), b"x")
    raises(ArrayNotFoundError, zb.open, backend)
    is_true(not backend.exists(), "exists() is true where there is a chunk and no metadata")


@check(
    "ZB-ARRAY-15",
    "Arrays have any number of dimensions, also none, and lengths of 0.",
    hint="The index of the only chunk of an array without dimensions is ().",
)
def arrays_have_any_number_of_dimensions(t: Trial) -> None:
    """0 to 6 dimensions, partial writes, both formats."""
    for ndim in range(7):
        for zarr_format in (2, 3):
            shape, name = (3,) * ndim, f"{ndim}-{zarr_format}"
            a = make_array(t, name, shape=shape, chunks=(2,) * ndim, zarr_format=zarr_format)
            a[...] = model = numbers(shape)
            model = model.copy()
            a[(1,) * ndim] = model[(1,) * ndim] = 1000
            same_array(open_array(t, a, name)[...], model, f"an array of {ndim} dimensions")


@check(
    "ZB-ARRAY-16",
    "A part of a shard is read from the shard as it is now.",
    hint="Parts are found through the index at the end of the shard: neither may be remembered "
    "when the shard has been replaced.",
)
def a_part_of_a_shard_is_current(t: Trial) -> None:
    """Inner chunks whose lengths change, so that all that follow are elsewhere."""
    a = make_array(t, shape=(64, 64), chunks=(8, 8), shards=(32, 64), dtype="float64")
    a[...] = model = numbers((64, 64), "float64")
    b = open_array(t, a)
    for key in ((slice(0, 3), slice(0, 64)), (3, 9), (slice(5, 40), slice(30, 34))):
        a[key] = model[key] = t.random.random()
        t.settle(a.backend)
        for array in (a, b):
            same_array(array[20:24, 40:50], model[20:24, 40:50], "a part that was not written")
            same_array(array[2:4, 7:11], model[2:4, 7:11], "a part that was written")
    same_array(open_array(t, b)[...], model, "the whole array")


def _keys(t: Trial, length: int) -> list[object]:
    """Return what a dimension may be indexed by, one of each kind."""
    start, stop = (t.random.randrange(-length - 2, length + 3) for _ in range(2))
    step = t.random.choice([1, 1, 2, 3, 5, -1, -2])
    return [t.random.randrange(-length, length), slice(start, stop, step), slice(None)]
