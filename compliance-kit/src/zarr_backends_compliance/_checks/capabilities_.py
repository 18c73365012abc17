"""Capabilities: whole or absent, and what an instance says of itself."""

from __future__ import annotations

import inspect
from typing import Any

from zarr_backends_compliance._kernel.capabilities import (
    CAPABILITIES,
    capabilities_of,
    members_of,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, is_true, same_bytes, shown
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, entered, is_missing

__all__: list[str] = []

_COMMON = frozenset({"get", "set", "delete", "__enter__", "__exit__"})
"""Members with names so common that by themselves they promise nothing."""


def present(backend: Any, names: tuple[str, ...]) -> list[str]:
    """Return those of some members that a backend has."""
    return [name for name in names if callable(getattr(backend, name, None))]


@check(
    "ZB-CAP-01",
    "A backend has a capability if it has the methods: all of them, or none.",
    hint="Add the methods that are missing, or remove the others: half a capability is never used.",
)
def a_capability_is_whole_or_absent(t: Trial) -> None:
    """For each capability of the contract."""
    backend = t.create()
    for capability in sorted(CAPABILITIES):
        names = members_of(capability)
        found = present(backend, names)
        if set(found) - _COMMON and capability not in capabilities_of(backend):
            lacking = ", ".join(name for name in names if name not in found) or "read_chunks"
            is_true(not found, f"{capability}: there is {', '.join(found)}, but no {lacking}")


@check(
    "ZB-CAP-02",
    "The methods of a capability take the arguments that the contract names.",
    hint="Compare the parameters with those of the protocol in zarr_backends.contract.",
)
def a_capability_takes_the_arguments_of_the_contract(t: Trial) -> None:
    """In their order and by their names, those with defaults left out and given."""
    backend = t.create()
    for capability in sorted(capabilities_of(backend)):
        for name in (name for name in members_of(capability) if not name.startswith("_")):
            declared = inspect.signature(getattr(CAPABILITIES[capability], name)).parameters
            names = [parameter for parameter in declared if parameter != "self"]
            optional = [p for p in names if declared[p].default is not inspect.Parameter.empty]
            method = getattr(backend, name)
            required = names[: len(names) - len(optional)]
            for given in (names, required):
                is_true(takes(method, len(given), ()), f"{name} does not take {len(given)} values")
                is_true(takes(method, 0, given), f"{name} does not take {given} by their names")


def takes(method: Any, count: int, names: tuple[str, ...] | list[str]) -> bool:
    """Whether a method can be called with so many arguments and these names."""
    try:
        inspect.signature(method).bind(*[None] * count, **dict.fromkeys(names))
    except TypeError:
        return False
    except ValueError:  # a builtin that does not tell
        return True
    return True


_ARRAYS = (
    (3, (), ()),
    (2, (), ()),
    (2, (8,), (5,)),
    (3, (4, 4, 4), (1, 2, 3)),
    (2, (4, 4, 4), (3, 2, 1)),
    (3, (2,) * 8, (0, 1) * 4),
    (3, (2**40, 2**33), (2**39, 2**32 + 1)),
)
"""Format, shape and the index of a chunk."""


@check(
    "ZB-CAP-03",
    "A capability holds for every array: of both formats, of any number of dimensions.",
    hint="Every method has to name chunks as read_chunk does; 0-d arrays have the index ().",
)
def a_capability_holds_for_every_array(t: Trial) -> None:
    """Whatever capabilities there are, on chunks of 0-d, 3-d and 8-d arrays, v2 and v3."""
    for n, (zarr_format, shape, index) in enumerate(_ARRAYS):
        backend = t.array(f"c{n}", shape, zarr_format)
        for capability, use in _USES.items():
            if capability in capabilities_of(backend):
                backend.write_chunk(index, payload(100))
                use(backend, index)
                backend.delete_chunk(index)
        equal(list(backend.list_chunks()), [], "the chunks after all were deleted")


def use_ranges(backend: Any, index: tuple[int, ...]) -> None:
    """Read a part."""
    part = backend.read_chunk_range(index, 10, 20)
    same_bytes(part, payload(100)[10:20], f"a range of chunk {index}")


def use_sizes(backend: Any, index: tuple[int, ...]) -> None:
    """Ask for the size."""
    equal(backend.chunk_nbytes(index), 100, f"the size of chunk {index}")


def use_snapshots(backend: Any, index: tuple[int, ...]) -> None:
    """Read a part of a snapshot."""
    with entered(backend, index) as snapshot:
        same_bytes(snapshot.read(10, 20), payload(100)[10:20], f"a snapshot of chunk {index}")


def use_batches(backend: Any, index: tuple[int, ...]) -> None:
    """Read, write and delete in batches."""
    same_bytes(backend.read_chunks([index])[0], payload(100), f"chunk {index} in a batch")
    backend.write_chunks({index: b"batch"})
    same_bytes(backend.read_chunk(index), b"batch", f"chunk {index} after a batch")
    backend.delete_chunks([index])
    is_true(is_missing(backend, index), f"chunk {index} is there after a batch deleted it")


def use_updates(backend: Any, index: tuple[int, ...]) -> None:
    """Update."""
    backend.update_chunk(index, lambda old: bytes(old) + b"!")
    same_bytes(backend.read_chunk(index), payload(100) + b"!", f"chunk {index} after an update")


def use_transactions(backend: Any, index: tuple[int, ...]) -> None:
    """Write in a transaction."""
    with backend.transaction():
        backend.write_chunk(index, b"in it")
    same_bytes(backend.read_chunk(index), b"in it", f"chunk {index} after a transaction")


def use_keys(backend: Any, index: tuple[int, ...]) -> None:
    """Find the chunk among the keys."""
    metadata = {"zarr.json", ".zarray", ".zattrs"}
    found = [key for key in backend.list_keys() if key not in metadata]
    equal(len(found), 1, f"the number of keys beside the metadata, with only chunk {index},")
    same_bytes(backend.get(found[0]), payload(100), f"the value of {found[0]!r}")


_USES = {
    "ranges": use_ranges, "sizes": use_sizes, "snapshots": use_snapshots, "keys": use_keys,
    "updates": use_updates, "transactions": use_transactions, "batches": use_batches,
}  # fmt: skip


@check(
    "ZB-CAP-04",
    "max_concurrency, where an instance has it, is a positive int.",
    hint="Leave the attribute out where the number of processors may decide.",
)
def max_concurrency_is_a_number_of_calls(t: Trial) -> None:
    """Of a new instance, and of one that was used."""
    backend = t.array()
    for instance in (backend, another(t, backend)):
        number = getattr(instance, "max_concurrency", 1)
        fine = type(number) is int and number > 0
        is_true(fine, f"max_concurrency is {shown(number)}; it must be an int above 0")


@check(
    "ZB-CAP-05",
    "never_blocks, where an instance has it, is a bool; where it is True calls wait for nothing.",
    hint="Leave it out unless neither a disk nor a network is ever waited for.",
)
def never_blocks_is_a_promise(t: Trial) -> None:
    """A backend that talks to a server cannot make it."""
    flag = getattr(t.array(), "never_blocks", False)
    equal(type(flag), bool, "the type of never_blocks")
    server = t.has("network") or t.has("http")
    is_true(not (flag and server), "never_blocks is True, and the options name a server")


@check(
    "ZB-CAP-06",
    "A capability that is absent is an attribute that is absent: asking for it is no error.",
    hint="A __getattr__ raises AttributeError, and nothing else, for a name that it does not know.",
)
def an_absent_capability_can_be_asked_for(t: Trial) -> None:
    """By hasattr and by isinstance, on the class and on an instance; the answers agree."""
    backend = t.array()
    for capability, protocol in sorted(CAPABILITIES.items()):
        names = members_of(capability)
        found = [name for name in names if getattr(backend, name, None) is not None]
        absent = isinstance(backend, protocol) and len(found) < len(names)
        is_true(not absent, f"isinstance says {capability}, but there is only {found}")
    nothing = getattr(backend, "no_such_capability", None)
    is_true(nothing is None, f"an attribute of no meaning is {shown(nothing)}")
