"""Raw keys: values byte for byte, listings by prefix, and the chunks seen through them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from zarr_backends import ChunkNotFoundError, ZarrBackendsError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import (
    equal,
    indices,
    is_true,
    raises,
    same_bytes,
    shown,
)
from zarr_backends_compliance._kernel.samples import payload, v2_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.filling import each
from zarr_backends_compliance._tools.instances import another
from zarr_backends_compliance._tools.store_runs import (
    hierarchies_develop,
    keys_develop,
    run_store_suite,
)

__all__: list[str] = []

_KEYS = (
    "zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata", "c/0", "0.0", "group/zarr.json",
    "group/array/c/0/1", "a-b_c.d~e", "deep/" * 20 + "x", "x" * 200,
)  # fmt: skip

_VALUES = (b'{"zarr_format": 3}', b' {\n"b":1 , "a":NaN}\t', b"no json", b"", b"\0\xff\xfe" * 99)


def keys_of(listing: Iterable[object], what: str = "list_keys") -> list[str]:
    """Return a listing of keys, sorted; fail on anything but strings, each once."""
    listed: list[Any] = list(listing)
    for key in listed:
        is_true(type(key) is str, f"{what} yielded {shown(key)}, which is no string")
    twice = next((key for key in listed if listed.count(key) > 1), None)
    is_true(twice is None, f"{what} yielded {twice!r} more than once")
    return sorted(listed)


@check(
    "ZB-KEYS-01",
    "Values are byte-exact, those under the keys of metadata included.",
    hint="Nothing below set and get may parse, check or format a document.",
    needs=("keys",),
)
def values_are_byte_exact(t: Trial) -> None:
    """Under keys of documents, chunks and others: valid JSON, odd JSON, none, nothing."""
    backend = t.create()
    for value in _VALUES:
        for key in _KEYS:
            backend.set(key, value + key.encode())
            same_bytes(backend.get(key), value + key.encode(), f"the value of {shown(key)}")
        backend.set("zarr.json", value)
        same_bytes(backend.get("zarr.json"), value, "the value of 'zarr.json'")
    equal(keys_of(backend.list_keys()), sorted(_KEYS), "the keys stored")
    reader = t.create()
    t.settle(backend)
    if list(reader.list_keys()):  # where instances share what they store
        same_bytes(reader.get("zarr.json"), _VALUES[-1], "'zarr.json' for another instance")


@check(
    "ZB-KEYS-02",
    "get returns None for a key that is definitely absent, and for no other.",
    hint="An empty value is b''; the name of a folder is no key; a deleted key is absent.",
    needs=("keys",),
)
def none_means_absent(t: Trial) -> None:
    """Keys that never were, folders of others, prefixes of others, deleted ones."""
    backend = t.create()
    backend.set("a/empty", b"")
    same_bytes(backend.get("a/empty"), b"", "an empty value")
    backend.set("a/full", b"x")
    for key in ("b", "a", "a/ful", "a/full2", "a/full/x", "x/a/full", "zarr.json", "c/0"):
        seen = backend.get(key)
        is_true(seen is None, f"get({key!r}) is {shown(seen)}; nothing is stored under it")
    backend.delete("a/full")
    seen = backend.get("a/full")
    is_true(seen is None, f"get is {shown(seen)} for a key that was deleted")
    same_bytes(backend.get("a/empty"), b"", "an empty value")


@check(
    "ZB-KEYS-03",
    "list_keys yields exactly the keys that start with the prefix, whole, each once.",
    hint="A prefix is text, not a folder and not a pattern: 'a/b' also begins 'a/bc'.",
    needs=("keys",),
)
def a_listing_has_exactly_the_prefix(t: Trial) -> None:
    """Prefixes that are folders, parts of names, whole keys, patterns of SQL and shells, none."""
    backend = t.create()
    keys = ["a/b/x", "a/b/y/z", "a/bc", "a/bd/x", "ab/x", "b", "a_c/x", "axc/x", "a%c"]
    keys += ["a/c.d", "a/cxd", "zarr.json", "c/0", "c/1/0", "c/10", "a[b]", "a*c"]
    for key in keys:
        backend.set(key, key.encode())
    prefixes = ["", "a", "a/", "a/b", "a/b/", "a/b/x", "a/bc", "a_", "a%", "a_c/", "b", "b/", "zz"]
    for prefix in [*prefixes, "a/c.", "c/1", "c/", "c", "a/b/y/", "a[", "a*", "z"]:
        expected = sorted(key for key in keys if key.startswith(prefix))
        equal(keys_of(backend.list_keys(prefix)), expected, f"list_keys({prefix!r})")
    equal(keys_of(backend.list_keys()), sorted(keys), "list_keys()")


@check(
    "ZB-KEYS-04",
    "list_keys yields every key, however many, once.",
    hint="Follow the store's continuation token; begin each page after the last key, not at it.",
    needs=("keys",),
)
def a_listing_has_every_key(t: Trial) -> None:
    """From none to more than a page of 1000, in several folders; before and after deletions."""
    backend = t.create()
    equal(keys_of(backend.list_keys()), [], "the keys of an empty place")
    count = t.profile.listed[-1]
    keys = [f"{'ab'[i % 2]}/{i % 7}/{i}" for i in range(count)]
    each(t, lambda key: backend.set(key, b"x"), keys)
    for prefix in ("", "a/", "b/3/"):
        expected = sorted(key for key in keys if key.startswith(prefix))
        seen = sorted(backend.list_keys(prefix))
        equal(len(seen), len(expected), f"the number of keys from list_keys({prefix!r})")
        is_true(seen == expected, f"list_keys({prefix!r}) yields one key twice, another never")
    each(t, backend.delete, keys[10:])
    equal(keys_of(backend.list_keys()), sorted(keys[:10]), "the keys after most were deleted")


_UNICODE = ("größe/日本", "𝄞/ключ", "a b", "per%20cent", "plus+and&", "q?x=1#f", "quote'\"", "c:0")


@check(
    "ZB-KEYS-05",
    "A key is stored under exactly its characters, or refused with an error of ours.",
    hint="Quote keys where they become part of a url or a statement, and unquote what is listed.",
    needs=("keys",),
)
def keys_keep_their_characters(t: Trial) -> None:
    """Letters of other alphabets, and characters that mean something in urls and statements."""
    backend = t.create()
    kept = [key for key in _UNICODE if not refused(backend, key, key.encode())]
    for key in kept:
        same_bytes(backend.get(key), key.encode(), f"the value of {key!r}")
    equal(keys_of(backend.list_keys()), sorted(kept), "the keys stored")
    for key in kept:
        equal(keys_of(backend.list_keys(key)), [key], f"list_keys({key!r})")
        backend.delete(key)
    equal(keys_of(backend.list_keys()), [], "the keys after all were deleted")


def refused(backend: Any, key: str, value: bytes) -> bool:
    """Set a key; return whether it was refused with an error of ours."""
    try:
        backend.set(key, value)
    except ZarrBackendsError:
        return True
    return False


_HOSTILE = ("../x", "/x", "a//b", "a/../b", "./x", "a/", "..", ".", "", "a/./b", "..\\x", "a\0b")


@check(
    "ZB-KEYS-06",
    "A key that is no plain path is refused, or is a key like any other: it never reaches beyond "
    "its place, nor another key.",
    hint="Refuse empty, '.' and '..' segments with ConfigurationError before the store sees them.",
    needs=("keys", "places"),
)
def a_key_never_leaves_its_place(t: Trial) -> None:
    """Keys that lead upwards, or that a file system takes for another key."""
    plain = {"x": b"x", "b": b"b", "a/b": b"a/b"}
    beside, backend = t.create("n/x"), t.create("n/y")
    for place in (beside, backend):
        for key, value in plain.items():
            place.set(key, value)
    for key in _HOSTILE:
        if not refused(backend, key, b"hostile"):
            same_bytes(backend.get(key), b"hostile", f"the value of {key!r}")
            listed = key in (*backend.list_keys(), "")
            is_true(listed, f"{key!r} was set and is not listed")
            backend.delete(key)
    for place in (beside, backend):
        equal({k: bytes(place.get(k) or b"") for k in plain}, plain, "the values of other keys")
        equal(keys_of(place.list_keys()), sorted(plain), "the keys stored")


_ENCODINGS = (
    (3, {"name": "default", "configuration": {"separator": "/"}}, "c/3/12", "c"),
    (3, {"name": "default", "configuration": {"separator": "."}}, "c.3.12", "c"),
    (3, {"name": "v2", "configuration": {"separator": "."}}, "3.12", "0"),
    (3, {"name": "v2", "configuration": {"separator": "/"}}, "3/12", "0"),
    (3, {"name": "default"}, "c/3/12", "c"),
    (2, ".", "3.12", "0"),
    (2, "/", "3/12", "0"),
)
"""Format, chunk key encoding, key of the chunk ``(3, 12)``, key of the chunk of a 0-d array."""


def encoded_arrays(t: Trial) -> Iterator[tuple[Any, tuple[int, ...], str]]:
    """Yield a new array of each encoding, the index of a chunk of it, and the chunk's key."""
    for n, (zarr_format, encoding, key, key_0d) in enumerate(_ENCODINGS):
        member = "chunk_key_encoding" if zarr_format == 3 else "dimension_separator"  # noqa: PLR2004
        for shape, index, name in (((20, 20), (3, 12), key), ((), (), key_0d)):
            place = f"{n}-{len(shape)}"
            yield t.array(place, shape, zarr_format, **{member: encoding}), index, name


@check(
    "ZB-KEYS-07",
    "Chunks are stored under the keys that the chunk key encoding of the metadata gives them.",
    hint="Read chunk_key_encoding (v3) or dimension_separator (v2) for every array.",
    needs=("keys",),
)
def chunks_and_keys_are_the_same_values(t: Trial) -> None:
    """Every encoding of both formats, two dimensions and none: set by one, seen by the other."""
    for backend, index, key in encoded_arrays(t):
        backend.write_chunk(index, b"chunk")
        same_bytes(backend.get(key), b"chunk", f"the value of {key!r}, which is chunk {index},")
        is_true(key in list(backend.list_keys()), f"{key!r}, which is chunk {index}, is not listed")
        backend.set(key, b"key")
        same_bytes(backend.read_chunk(index), b"key", f"chunk {index}, which is {key!r},")
        equal(indices(backend.list_chunks()), [index], "the chunks stored")
        backend.delete(key)
        raises(ChunkNotFoundError, backend.read_chunk, index)
        backend.set(key, b"again")
        backend.delete_chunk(index)
        seen = backend.get(key)
        is_true(seen is None, f"the value of {key!r} is {shown(seen)} after its chunk was deleted")


@check(
    "ZB-KEYS-08",
    "The metadata document is the value of zarr.json, or of .zarray and .zattrs.",
    hint="read_metadata must parse what is stored now, whoever set it; keep no copy that can age.",
    needs=("keys",),
)
def metadata_and_keys_are_the_same_documents(t: Trial) -> None:
    """Written as a document and read as bytes, and the other way round, in both formats."""
    backend = t.array("v3", (4, 4), attributes={"unit": "m"})
    document = backend.read_metadata()
    equal(json.loads(bytes(backend.get("zarr.json"))), document, "the value of 'zarr.json'")
    document["attributes"] = {"unit": "km"}
    backend.set("zarr.json", json.dumps(document, indent=3).encode())
    equal(backend.read_metadata(), document, "the document after 'zarr.json' was set")
    old = t.array("v2", (4, 4), 2, attributes={"unit": "m"})
    equal(json.loads(bytes(old.get(".zattrs"))), {"unit": "m"}, "the value of '.zattrs'")
    is_true("attributes" not in json.loads(bytes(old.get(".zarray"))), "'.zarray' has attributes")
    old.set(".zattrs", b'{"unit": "km"}')
    expected = v2_metadata((4, 4), attributes={"unit": "km"})
    equal(old.read_metadata(), expected, "the document after '.zattrs' was set")


@check(
    "ZB-KEYS-09",
    "delete deletes exactly one key; one that is absent is no error.",
    hint="A key is not a folder: nothing below it, and nothing that begins with it, goes with it.",
    needs=("keys",),
)
def deleting_deletes_one_key(t: Trial) -> None:
    """Folders of keys, beginnings of keys, absent ones, the same one twice."""
    backend = t.create()
    keys = ["a/b/x", "a/b/y", "a/bc", "ab", "c/1", "c/10", "c/1x"]
    for key in keys:
        backend.set(key, key.encode())
    for key in ("a", "a/b", "c", "zz", "a/b/x/y", "c/1/0", "a/bcd", "k%", "c/_"):
        backend.delete(key)
        equal(keys_of(backend.list_keys()), sorted(keys), f"the keys after delete({key!r})")
    backend.delete("c/1")
    backend.delete("c/1")
    keys.remove("c/1")
    equal(keys_of(backend.list_keys()), sorted(keys), "the keys after delete('c/1')")
    for key in keys:
        same_bytes(backend.get(key), key.encode(), f"the value of {key!r}")


@check(
    "ZB-KEYS-10",
    "set replaces a value whole and keeps no view of the caller's memory.",
    hint="Copy (bytes(value)) before the call returns; drop what is left of a longer value.",
    needs=("keys",),
)
def setting_copies_and_replaces(t: Trial) -> None:
    """Buffers of three kinds, overwritten after the call; shorter and longer values."""
    backend = t.create()
    for nbytes in (*t.profile.value_nbytes[:4], 10, 0, 5):
        written, buffer = payload(nbytes), bytearray(nbytes)
        for value in (buffer, memoryview(buffer), memoryview(buffer).toreadonly()):
            buffer[:] = written
            backend.set("zarr.json", value)
            buffer[:] = bytes(nbytes)
            same_bytes(backend.get("zarr.json"), written, "a value whose buffer changed")
    value = backend.get("zarr.json")
    backend.set("zarr.json", b"later")
    same_bytes(value, payload(5), "a value that was got before it was replaced")


@check(
    "ZB-KEYS-11",
    "Every instance at a place sees the same keys.",
    hint="A listing or a value that is kept in an instance ages when another one writes.",
    needs=("keys",),
)
def instances_see_the_same_keys(t: Trial) -> None:
    """Set, replaced and deleted by turns; each looks before and after."""
    backend = t.array()
    other = another(t, backend)
    for n, (writer, reader) in enumerate(((backend, other), (other, backend)) * 2):
        writer.set("k/new", b"%d" % n)
        t.settle(writer)
        same_bytes(reader.get("k/new"), b"%d" % n, "a value that another instance set")
        equal(keys_of(reader.list_keys("k/")), ["k/new"], "keys that another instance set")
        writer.delete("k/new")
        t.settle(writer)
        is_true(reader.get("k/new") is None, "a key that another instance deleted is there")
        equal(keys_of(reader.list_keys("k/")), [], "keys after another instance deleted them")


@check(
    "ZB-KEYS-12",
    "list_keys is lazy: a listing may be left before its end, and begun again.",
    hint="A cursor or lock that a listing holds must not outlive it, nor stop other calls.",
    needs=("keys",),
    timeout_s=20.0,
)
def a_listing_may_be_left(t: Trial) -> None:
    """Calls while a listing is open, after it was left, and two listings at once."""
    backend = t.create()
    keys = [f"k/{i}" for i in range(20)]
    for key in keys:
        backend.set(key, b"old")
    first, second = iter(backend.list_keys()), iter(backend.list_keys("k/"))
    equal(type(next(first)), str, "the type of the first key")
    same_bytes(backend.get("k/3"), b"old", "a value that is read during a listing")
    equal(len({next(second), *second}), 20, "the keys of a second listing")
    del first
    backend.set("k/3", b"new")
    same_bytes(backend.get("k/3"), b"new", "a value set after a listing was left")
    equal(keys_of(backend.list_keys()), sorted(keys), "the keys of a new listing")


@check(
    "ZB-KEYS-13",
    "A backend with keys is a store for zarr-python: its StoreTests pass.",
    hint="The name of the test says what was tried; see zarr.testing.store.StoreTests.",
    needs=("keys",),
    timeout_s=150.0,
)
def the_store_tests_of_zarr_python_pass(t: Trial) -> None:
    """In a process of their own."""
    run_store_suite(t)


@check(
    "ZB-KEYS-14",
    "After any sequence of operations on keys a backend holds what a dict holds.",
    hint="The steps are those of zarr.testing.stateful.ZarrStoreStateMachine; do them by hand.",
    needs=("keys",),
    timeout_s=300.0,
)
def keys_develop_as_in_a_dict(t: Trial) -> None:
    """zarr-python's state machine of keys, through zarr_backends.zarr_store."""
    keys_develop(t)


@check(
    "ZB-KEYS-15",
    "After any sequence of operations on groups and arrays a backend holds what zarr's store does.",
    hint="The steps are those of zarr.testing.stateful.ZarrHierarchyStateMachine.",
    needs=("keys",),
    timeout_s=600.0,
)
def hierarchies_develop_as_in_memory(t: Trial) -> None:
    """zarr-python's state machine of nodes, through zarr_backends.zarr_store."""
    hierarchies_develop(t)
