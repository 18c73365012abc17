"""Errors of absence: ours, saying what is absent, whole in other processes, not to be retried."""

from __future__ import annotations

import pickle

from zarr_backends import (
    ArrayNotFoundError,
    ChunkNotFoundError,
    MetadataNotFoundError,
    NotFoundError,
    ZarrBackendsError,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, is_true, raises
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.places import empty_place, instances

__all__: list[str] = []


def errors_of_absence(t: Trial) -> list[ZarrBackendsError]:
    """Return what is raised where an array, metadata or a chunk is absent."""
    empty = empty_place(t)
    t.options("nothing")
    return [
        raises(ArrayNotFoundError, t.open, "nothing"),
        raises(MetadataNotFoundError, empty.read_metadata),
        raises(ChunkNotFoundError, t.array().read_chunk, (1,)),
        raises(ChunkNotFoundError, t.array("d0", ()).read_chunk, ()),
    ]


@check(
    "ZB-ERR-01",
    "Errors carry what they are about: the index of the chunk, the id of the backend.",
    hint="Raise ChunkNotFoundError(message, backend=self.backend_id, index=index).",
)
def errors_carry_what_they_are_about(t: Trial) -> None:
    """The very index that was asked for; no other backend's id."""
    for name, shape, index in (("d1", (20,), (11,)), ("d0", (), ()), ("d3", (9, 9, 9), (0, 1, 2))):
        backend = t.array(name, shape)
        for instance in instances(t, backend, name):
            missing = raises(ChunkNotFoundError, instance.read_chunk, index)
            equal(missing.index, index, "the error's attribute `index`")
    for error in errors_of_absence(t):
        is_true(
            error.backend in (None, t.target.backend.backend_id),
            f"the {type(error).__name__} has backend={error.backend!r}",
        )


@check(
    "ZB-ERR-02",
    "Errors can be pickled, so that worker processes hand them back whole.",
    hint="Let a subclass of an error keep the signature of ZarrBackendsError.__init__.",
)
def errors_can_be_pickled(t: Trial) -> None:
    """Class, message and attributes are the same afterwards."""
    for error in errors_of_absence(t):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # pickled on this line
        equal(type(again), type(error), "the class of an unpickled error")
        equal(str(again), str(error), "the message of an unpickled error")
        equal(vars(again), vars(error), "the attributes of an unpickled error")


@check(
    "ZB-ERR-03",
    "An absent thing is absent: its error is not transient, and says in words what is missing.",
    hint="Set transient for lost connections and time-outs alone, or every miss is retried.",
)
def absence_is_not_transient(t: Trial) -> None:
    """Arrays, metadata, chunks."""
    for error in errors_of_absence(t):
        is_true(error.transient is False, f"a {type(error).__name__} is transient")
        is_true(isinstance(error, NotFoundError), f"{type(error).__name__} is no NotFoundError")
        is_true(str(error).strip(), f"the {type(error).__name__} has no message")
