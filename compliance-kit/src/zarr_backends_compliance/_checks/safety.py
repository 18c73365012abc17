"""Nothing gets out: not of a place, not of a credential, not of damaged metadata."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

from zarr_backends import NotFoundError, ZarrBackendsError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises, same_bytes
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._tools.damage import GARBAGE, OUTWARD, ours_or_result
from zarr_backends_compliance._tools.documents import same_document
from zarr_backends_compliance._tools.names import ALIKE_NAMES, ODD_NAMES
from zarr_backends_compliance._tools.options import place_of
from zarr_backends_compliance._tools.places import instances, placed, state_of
from zarr_backends_compliance._tools.refusals import accepted
from zarr_backends_compliance._tools.secrecy import (
    errors_with,
    keeps_secrets,
    logged,
    made_up_options,
    secrets_in,
)

__all__: list[str] = []


@check(
    "ZB-SAFE-01",
    "An instance holds the chunks and the metadata of one array; other places are none of its.",
    hint="Every key, row or document has to carry the place that the options name.",
    needs=("places",),
)
def places_are_apart(t: Trial) -> None:
    """What is written and deleted at one place changes nothing at another. Runs before all."""
    one, two = t.array("one", (8,)), t.array("two", (9,))
    one.write_chunk((0,), b"one")
    t.settle(one)
    before = state_of(one)
    is_true(b"one" not in state_of(two)["chunk (0,)"].encode(), "a chunk is read at two places")
    two.write_chunk((0,), b"two")
    two.write_chunk((5,), b"two")
    two.write_metadata(v3_metadata((10,)), 3)
    equal(state_of(one), before, "an array after another one was written")
    for index in ((0,), (5,)):
        two.delete_chunk(index)
    t.settle(two)
    equal(state_of(one), before, "an array after chunks of another one were deleted")


@check(
    "ZB-SAFE-02",
    "No repr ever shows a credential.",
    hint="Show the place alone, never all options; take passwords out of urls.",
)
def no_repr_shows_a_credential(t: Trial) -> None:
    """Of the instances that `create` and `open` return, with given and made-up credentials."""
    made_up = made_up_options(t.target)
    hidden = secrets_in({**t.options(), **made_up})
    if not hidden:
        skip("an option that is a credential")
    backend = t.create()
    keeps_secrets(backend, hidden, "the repr of a backend")
    with suppress(ZarrBackendsError):  # a refusal of made-up credentials: see the next check
        keeps_secrets(t.create("other", **made_up), hidden, "the repr of a backend")


@check(
    "ZB-SAFE-03",
    "No error ever shows a credential, in its message, its attributes or its causes.",
    hint="Build messages from the place alone; redact what a client library puts into its own.",
)
def no_error_shows_a_credential(t: Trial) -> None:
    """Missing things, wrong options, wrong data; with given and with made-up credentials."""
    made_up = made_up_options(t.target)
    hidden = secrets_in({**t.options(), **made_up})
    if not hidden:
        skip("an option that is a credential")
    for more in ({}, made_up):
        for error in errors_with(t, more):
            keeps_secrets(error, hidden, f"a {type(error).__name__}")


@check(
    "ZB-SAFE-04",
    "No log line ever shows a credential.",
    hint="Log the place, never the options; also at the level DEBUG.",
)
def no_log_line_shows_a_credential(t: Trial) -> None:
    """Whatever is logged while instances are made and used, and where something is wrong."""
    made_up = made_up_options(t.target)
    hidden = secrets_in({**t.options(), **made_up})
    if not hidden:
        skip("an option that is a credential")
    with logged(t.target.backend.__module__) as lines:
        backend = t.array()
        backend.write_chunk((0,), b"x")
        backend.read_chunk((0,))
        for more in ({}, made_up):
            errors_with(t, more)
    keeps_secrets("\n".join(lines), hidden, "the log")


@check(
    "ZB-SAFE-05",
    "Names of places are names: none is a pattern, decoded, normalised or cut.",
    hint="Escape LIKE and glob patterns, quote names in urls, keep the case, hash long names.",
    needs=("places",),
)
def names_of_places_are_names(t: Trial) -> None:
    """Groups of names alike; a name may be refused, but no two may be one place."""
    for n, group in enumerate(ALIKE_NAMES):
        arrays = [placed(t, f"{n}/{name}", attributes={"of": i}) for i, name in enumerate(group)]
        made = [(i, group[i], backend) for i, backend in enumerate(arrays) if backend is not None]
        for i, name, backend in made:
            backend.write_chunk((i,), name.encode())
        for i, name, backend in made:
            for instance in instances(t, backend, f"{n}/{name}"):
                equal(indices(instance.list_chunks()), [(i,)], f"the listing of place {name!r}")
                same_bytes(instance.read_chunk((i,)), name.encode(), f"chunk of {name!r}")
                same_document(instance.read_metadata(), v3_metadata(attributes={"of": i}))


@check(
    "ZB-SAFE-06",
    "A name of a place never leads to another one: it is refused, or a place of its own.",
    hint="Refuse empty, '.' and '..' segments and NUL, or keep names as they are, byte for byte.",
    needs=("places",),
)
def names_do_not_lead_to_other_places(t: Trial) -> None:
    """Paths up and round, escapes, statements; beside an array at p/a/c."""
    if place_of(t.target) & {"path", "root", "directory", "url"}:
        skip("a place that is a name, not a path")
    victim = t.array("p/a/c", attributes={"of": "victim"})
    victim.write_chunk((0,), b"victim")
    t.settle(victim)
    for name in ODD_NAMES:
        other = placed(t, name, attributes={"of": "another"})
        if other is not None:
            for i in range(2):
                other.write_chunk((i,), b"other")
            t.settle(other)
            same_bytes(other.read_chunk((0,)), b"other", f"the chunk at {name[:40]!r}")
        same_bytes(victim.read_chunk((0,)), b"victim", f"the chunk at p/a/c, after {name[:40]!r},")
        equal(indices(victim.list_chunks()), [(0,)], f"the listing of p/a/c, after {name[:40]!r},")
        equal(victim.read_metadata()["attributes"], {"of": "victim"}, "the attributes at p/a/c")


@check(
    "ZB-SAFE-07",
    "An index never leads out of the array: what is no index reaches no other place.",
    hint="Make sure that an index consists of ints before it becomes part of a path or key.",
    needs=("places",),
)
def indices_do_not_lead_to_other_places(t: Trial) -> None:
    """Texts with paths in them, written, read and deleted."""
    t.need_places("p/q/a", "p/q/a/b")
    arrays = [t.array("p/q/a"), t.array("p/q/a/b")]
    for backend in arrays:
        backend.write_chunk((0,), b"mine")
    for path, backend in product(OUTWARD, arrays):
        accepted(backend.write_chunk, (path,), b"evil")
        accepted(backend.delete_chunk, (path,))
        t.settle(*arrays)
        for reader in arrays:
            same_bytes(reader.read_chunk((0,)), b"mine", f"a chunk, after the index ({path!r},),")
            same_document(reader.read_metadata(), v3_metadata())


@check(
    "ZB-SAFE-08",
    "Damaged metadata is an error of ours, never 'missing' and never an accident.",
    hint="Catch what the parser raises, all of it, and raise zarr_backends.MetadataError.",
    needs=("keys",),
)
def damaged_metadata_is_an_error(t: Trial) -> None:
    """No JSON, no UTF-8, no object, cut off, nested without end; then written anew."""
    for i, (kind, garbage) in enumerate(GARBAGE.items()):
        for key in ("zarr.json", ".zarray"):
            backend = t.create(f"{i}{key[-2:]}")
            backend.set(key, garbage)
            error = raises(ZarrBackendsError, backend.read_metadata)
            is_true(not isinstance(error, NotFoundError), f"{key} with {kind} counts as missing")
            is_true(ours_or_result(backend.exists) is not False, f"{key} with {kind} is no array")
            t.settle(backend)
            opened = ours_or_result(t.open, f"{i}{key[-2:]}")
            is_true(not isinstance(opened, NotFoundError), f"{key} with {kind} is not found")
            backend.write_metadata(v3_metadata(), 3)
            same_document(backend.read_metadata(), v3_metadata())
