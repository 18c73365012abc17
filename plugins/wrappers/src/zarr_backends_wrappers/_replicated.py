"""The backend ``replicated``: the same in several places.

A change is made in all replicas at once and returns when that is done in all of them, or in a
quorum. A replica that missed a change is behind: it is noted in the others, and the replica
is not read until `repair` has brought it back. Reads go to the nearest replica that works,
in the order in which they are given.

Threads of one instance take turns with a key. Where several processes replace the same value
at the same moment, replicas may end with one or the other; `update_chunk` does not have this
problem, and `repair` finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from zarr_backends import (
    BackendError,
    Buffer,
    KeyValueBackend,
    Snapshot,
    Transform,
    contiguous_view,
)
from zarr_backends_wrappers._inner import Connected, Inner
from zarr_backends_wrappers._keys import abilities_of, keys_of
from zarr_backends_wrappers._locks import KeyLocks
from zarr_backends_wrappers._repair import RepairReport, repaired
from zarr_backends_wrappers._replicas import NOTES, Outcome, Replicas
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._values import count, refusal
from zarr_backends_wrappers._wrapper import mapping_of_inners, where_inner_has

__all__ = ["ReplicatedBackend"]

_SHARED = frozenset(
    {"delete_many", "flush", "get_many", "get_range", "open_value", "set_many", "size", "update"}
)
"""Abilities that are passed on where all replicas have them."""


class ReplicatedBackend(Transformer):
    """Keeps several backends the same."""

    backend_id: ClassVar[str] = "replicated"
    _reserved = NOTES

    def connect(self, *, inner: Mapping[str, Inner], write_quorum: int | None = None) -> None:
        """Take the replicas.

        Args:
            inner: Backends by name, the nearest first.
            write_quorum: In how many of them a change has to succeed; None for all.

        Raises:
            ConfigurationError: A value is impossible.
        """
        for replica in inner.values():
            self.take(replica, with_any_key=True)
        self.take(next(iter(inner.values())))
        quorum = len(inner) if write_quorum is None else write_quorum
        if count(self.backend_id, "write_quorum", quorum) > len(inner):
            remedy = f"{len(inner)} at most, the number of replicas"
            failure = refusal(self.backend_id, "write_quorum", quorum, remedy)
            raise failure
        self._quorum = quorum
        self._replicas = Replicas({name: keys_of(b) for name, b in inner.items()})  # type: ignore[arg-type]  # connected

    @classmethod
    def _connect(cls, name: str, value: object, method: Any, inners: list[Connected]) -> Any:
        """Connect every replica; where an array is, is found out by asking them."""
        if value is None:
            return super()._connect(name, value, method, inners)
        named = mapping_of_inners(cls.backend_id, name, value)
        first = len(inners)
        found = {}
        for replica, place in named.items():
            found[replica] = super()._connect(name, place, "create", inners)
        inners[first:] = [inner._replace(is_open=False) for inner in inners[first:]]
        return found

    @classmethod
    def _abilities(cls, options: Mapping[str, Any]) -> frozenset[str]:
        """Return what all replicas can do."""
        return _SHARED.intersection(*map(abilities_of, options["inner"].values()))

    def renew(self) -> None:
        """Make the locks."""
        self._key_locks = KeyLocks()
        self._replicas.renew()

    def close(self) -> None:
        """End the threads and close the replicas."""
        self._replicas.close()
        super().close()

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value."""
        self._stored_key(key)
        found: Buffer | None = self._replicas.read(lambda replica: replica.get(key))
        return found

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`."""
        for key in self._replicas.entries(lambda replica: replica.list_keys(prefix)):
            if not key.startswith(self._reserved):
                yield key

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value."""
        self._stored_key(key)
        found: Buffer | None = self._replicas.read(lambda r: r.get_range(key, start, stop))
        return found

    @where_inner_has("open_value")
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return one version of a value."""
        self._stored_key(key)
        found: AbstractContextManager[Snapshot] | None
        found = self._replicas.read(lambda replica: replica.open_value(key))
        return found

    @where_inner_has("size")
    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value."""
        self._stored_key(key)
        found: int | None = self._replicas.read(lambda replica: replica.size(key))
        return found

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values."""
        wanted = [self._stored_key(key) for key in keys]
        found: list[Buffer | None] = self._replicas.read(lambda replica: replica.get_many(wanted))
        return found

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value in all replicas."""
        view = contiguous_view(value)
        self._change(key, lambda replica: replica.set(key, view))

    def delete(self, key: str) -> None:
        """Delete a key in all replicas."""
        self._change(key, lambda replica: replica.delete(key))

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values in all replicas."""
        views = {self._stored_key(key): contiguous_view(value) for key, value in values.items()}
        with self._key_locks.all_of(views):
            self._settle(", ".join(views), self._replicas.call_all(lambda r: r.set_many(views)))

    @where_inner_has("set_many", "delete_many")
    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys in all replicas."""
        with self._key_locks.all_of(map(self._stored_key, keys)):
            self._settle(", ".join(keys), self._replicas.call_all(lambda r: r.delete_many(keys)))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; the nearest replica decides that."""
        view = contiguous_view(value)
        first = self._leader()
        with self._key_locks(self._stored_key(key)):
            if not self._replicas[first].set_if_absent(key, view):
                return False
            others = self._replicas.call_all(lambda r: r.set(key, view), self._others(first))
            self._settle(key, [Outcome(first, None, None), *others])
        return True

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` in the nearest replica and in all others.

        The others are changed inside the update of the nearest one, so that updates by
        several processes reach all replicas in one order.
        """
        first = self._leader()

        def everywhere(old: Buffer | None) -> Buffer | None:
            value = transform(old)
            view = None if value is None else contiguous_view(value)
            others = self._replicas.call_all(
                lambda r: r.delete(key) if view is None else r.set(key, view), self._others(first)
            )
            self._settle(key, [Outcome(first, None, None), *others])
            return value

        with self._key_locks(self._stored_key(key)):
            self._replicas[first].update(key, everywhere)

    @where_inner_has("flush")
    def flush(self) -> None:
        """Make every write up to now durable and visible to others."""
        for inner in self.inners():
            inner.flush()  # type: ignore[attr-defined]  # all of them have it

    # --- Looking after it -----------------------------------------------------------

    @property
    def behind(self) -> frozenset[str]:
        """Names of the replicas that missed a change and wait for `repair`."""
        return self._replicas.behind()

    def repair(self, *, dry_run: bool = False) -> RepairReport:
        """Find what differs between the replicas, and mend it.

        Args:
            dry_run: Whether to report only.

        Returns:
            What was found. Interrupted, it is simply called again.
        """
        return repaired(self._replicas, self._key_locks, dry_run=dry_run)

    def _leader(self) -> str:
        """Return the nearest replica that is not behind.

        Raises:
            BackendError: All of them are.
        """
        behind = self._replicas.behind()
        for name in self._replicas.names:
            if name not in behind:
                return name
        message = f"all replicas of {self!r} are behind; call repair()"
        raise BackendError(message, backend=self.backend_id)

    def _others(self, first: str) -> list[str]:
        """Return all replicas but one."""
        return [name for name in self._replicas.names if name != first]

    def _change(self, key: str, call: Callable[[KeyValueBackend], Any]) -> None:
        """Change something in all replicas."""
        with self._key_locks(self._stored_key(key)):
            self._settle(key, self._replicas.call_all(call))

    def _settle(self, key: str, outcomes: Sequence[Outcome]) -> None:
        """Take note of the replicas that missed a change.

        Raises:
            ZarrBackendsError: Fewer than the quorum made it.
        """
        failed = {outcome.name: outcome.error for outcome in outcomes if outcome.error is not None}
        if not failed:
            return
        behind = self._replicas.behind()
        done = [o.name for o in outcomes if o.name not in failed and o.name not in behind]
        if len(done) >= self._quorum:
            self._replicas.note_behind(failed, done)
            return
        name, error = next(iter(failed.items()))
        error.add_note(
            f"{key!r:.80} was changed in {len(done)} of {self._quorum} replicas that it takes; "
            f"{name!r} failed"
        )
        raise error
