"""Listings: every stored chunk once, and nothing else."""

from __future__ import annotations

from itertools import islice

from zarr_backends import ArrayNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises, same_bytes
from zarr_backends_compliance._kernel.samples import V2, V3
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.documents import LAYOUTS
from zarr_backends_compliance._tools.existence import is_absent
from zarr_backends_compliance._tools.filling import fill
from zarr_backends_compliance._tools.places import empty_place, instances

__all__: list[str] = []


@check(
    "ZB-LIST-01",
    "list_chunks yields the index of every stored chunk once, however many.",
    hint="Look at the step from one page of a listing to the next, and at the last page.",
    timeout_s=180,
)
def every_chunk_is_listed_once(t: Trial) -> None:
    """None, one, ten, and more than a page."""
    for count in t.profile.listed:
        name = f"n{count}"
        backend = t.array(name, shape=(count + 1,))
        fill(t, backend, range(count))
        for instance in instances(t, backend, name):
            listed = indices(instance.list_chunks())
            equal(len(listed), count, f"the number of chunks listed, of {count} stored,")
            equal(listed, [(i,) for i in range(count)], "the listing")


@check(
    "ZB-LIST-02",
    "list_chunks returns an iterator; every call is a listing of its own.",
    hint="Write it as a generator, and keep cursors out of the instance.",
)
def every_call_is_a_listing_of_its_own(t: Trial) -> None:
    """Two at once, one given up in the middle, one begun anew."""
    backend = t.array()
    for i in range(6):
        backend.write_chunk((i,), b"x")
    one, two = backend.list_chunks(), backend.list_chunks()
    is_true(iter(one) is one, f"list_chunks gave a {type(one).__name__}, not an iterator")
    seen = [next(one), next(two), next(one), next(two)]
    backend.read_chunk((0,))
    whole = [(i,) for i in range(6)]
    equal(indices([seen[0], seen[2], *one]), whole, "a listing beside another one")
    equal(indices([seen[1], seen[3], *two]), whole, "the other listing")
    next(abandoned := backend.list_chunks())
    equal(indices(backend.list_chunks()), whole, "a listing after one that was given up")
    equal(len(indices(abandoned)), 5, "the number of chunks in the rest of the one given up")


@check(
    "ZB-LIST-03",
    "Metadata is never listed, whatever the format and the way to name chunks.",
    hint="Parse keys strictly: with this array's separator and number of dimensions.",
)
def metadata_is_never_listed(t: Trial) -> None:
    """Every layout, with and without chunks, with attributes, replaced once."""
    for place, (name, members) in enumerate(LAYOUTS.items()):
        backend = t.array(f"p{place}", (12, 12), **members, attributes={"c": {"0": 0}})
        for instance in instances(t, backend, f"p{place}"):
            equal(indices(instance.list_chunks()), [], f"the listing of {name} without chunks")
        stored = [(0, 0), (1, 10), (10, 1), (11, 11)]
        for index in stored:
            backend.write_chunk(index, b"x")
        backend.write_metadata(backend.read_metadata(), members["zarr_format"])
        for instance in instances(t, backend, f"p{place}"):
            equal(indices(instance.list_chunks()), stored, f"the listing of {name}")


@check(
    "ZB-LIST-04",
    "The one chunk of an array without dimensions is listed as ().",
    hint="Its key has no numbers in it: c in v3, 0 in v2.",
)
def the_chunk_without_numbers_is_listed(t: Trial) -> None:
    """Every layout: before it is written, after, and when it is deleted."""
    for place, (name, members) in enumerate(LAYOUTS.items()):
        backend = t.array(f"p{place}", (), **members)
        equal(indices(backend.list_chunks()), [], f"the listing of {name} in 0-d")
        backend.write_chunk((), b"x")
        for instance in instances(t, backend, f"p{place}"):
            equal(indices(instance.list_chunks()), [()], f"the listing of {name} in 0-d")
        backend.delete_chunk(())
        equal(indices(backend.list_chunks()), [], f"the listing of {name} after a deletion")


@check(
    "ZB-LIST-05",
    "A listing is of now: without deleted chunks, and with overwritten ones once.",
    hint="List what is stored, or keep your index of it in step with every write and delete.",
)
def a_listing_is_of_now(t: Trial) -> None:
    """After each of a random sequence of writes and deletions, from the second on."""
    backend = t.array(shape=(30,))
    stored: set[tuple[int, ...]] = set()
    for step in range(60):
        index = (t.random.randrange(12),)
        if t.random.random() < 0.4:  # noqa: PLR2004  # more writes than deletions
            backend.write_chunk(index, b"goes")
            backend.delete_chunk(index)
            stored.discard(index)
        else:
            backend.write_chunk(index, b"x" * (step % 3))
            stored.add(index)
        equal(indices(backend.list_chunks()), sorted(stored), f"the listing after step {step}")
    for instance in instances(t, backend):
        equal(indices(instance.list_chunks()), sorted(stored), "the listing at the end")


@check(
    "ZB-LIST-06",
    "A listing stays right while chunks are written and deleted: those that stay are listed once.",
    hint="Page by the last key, not by an offset; do not iterate over what others change.",
    timeout_s=180,
)
def a_listing_stands_changes_meanwhile(t: Trial) -> None:
    """Chunks listed already are deleted, others overwritten and added, and it goes on."""
    count = t.profile.listed[-1]
    backend = t.array(shape=(10 * count,))
    fill(t, backend, range(count))
    listing = backend.list_chunks()
    seen = list(islice(listing, 20))
    gone = set(seen[:10])
    for index in gone:
        backend.delete_chunk(index)
    for i in range(10):
        backend.write_chunk(seen[10 + i], b"overwritten")
        backend.write_chunk((9 * count + i,), b"new")
    listed = indices([*seen, *listing], "a listing during which chunks were changed")
    lost = {(i,) for i in range(count)} - gone - set(listed)
    is_true(
        not lost,
        f"{len(lost)} chunks that were there all the time were not listed: {min(lost, default=())}",
    )


@check(
    "ZB-LIST-07",
    "Arrays whose places have names alike are apart: a, a/b, ab.",
    hint="A place ends with a separator: compare with prefix + '/', not with prefix alone.",
    needs=("places",),
)
def places_with_names_alike_are_apart(t: Trial) -> None:
    """Each holds chunks of its own; then they are deleted one after the other."""
    names = ["a", "a/b", "ab", "a-b", "a/b/c", "a/bc", "b"]
    t.need_places(*names)
    arrays = {name: t.array(name, shape=(20,), attributes={"of": name}) for name in names}
    for i, (name, backend) in enumerate(arrays.items()):
        backend.write_chunk((i,), name.encode())
        backend.write_chunk((10,), name.encode())
    while arrays:
        for i, name in enumerate(names):
            if name in arrays:
                for instance in instances(t, arrays[name], name):
                    equal(indices(instance.list_chunks()), [(i,), (10,)], f"the listing of {name}")
                    same_bytes(instance.read_chunk((10,)), name.encode(), f"chunk of {name}")
                    equal(
                        instance.read_metadata()["attributes"],
                        {"of": name},
                        f"attributes of {name}",
                    )
        backend = arrays.pop(next(iter(arrays)))
        for index in indices(backend.list_chunks()):
            backend.delete_chunk(index)


@check(
    "ZB-LIST-08",
    "A place inside, above or beside an array is none: it does not exist and lists nothing.",
    hint="Look for exactly the metadata of this place, not for anything below it.",
    needs=("places",),
)
def places_around_an_array_are_empty(t: Trial) -> None:
    """An array at a/b/c: nothing is at a, a/b, a/b/c/d, a/b/cd."""
    t.need_places("3/a/b/c", "3/a/b", "3/a/b/c/d")
    for zarr_format in (V3, V2):
        backend = t.array(f"{zarr_format}/a/b/c", (20, 20), zarr_format)
        backend.write_chunk((0, 0), b"x")
        t.settle(backend)
        for around in ("a", "a/b", "a/b/c/d", "a/b/cd", "a/b/c/c", "ab"):
            name = f"{zarr_format}/{around}"
            other = empty_place(t, name)
            is_absent(other, f"exists() of {name}, beside an array at a/b/c,")
            equal(indices(other.list_chunks()), [], f"the listing of {name}")
            raises(ArrayNotFoundError, t.open, name)
