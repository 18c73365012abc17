"""All operations of a backend, made ready and let loose at once.

What they run on is between them and their server: a line that fails, or credentials that
are wrong. The arrays are put there past that.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from zarr_backends import SupportsClose
from zarr_backends._storage.registry.options import parameters_of
from zarr_backends_compliance._kernel.capabilities import capabilities_of
from zarr_backends_compliance._kernel.credentials import secrets_of
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._line.calls import Call
from zarr_backends_compliance._line.operations import (
    PLACES,
    SMALL,
    Operation,
    arrange,
    operations,
)

__all__ = ["Callers"]

_TIMEOUT_S = MappingProxyType({"quick": 1.0, "standard": 2.0, "soak": 3.0})
"""What backends are given as ``timeout_s``, so that faults take no longer, by profile."""

_PATIENCE_S = 30.0
"""How long a call may take on a backend that has no option ``timeout_s``."""

_AGAIN = 3
"""How often a call is made once more where a closed connection may have been noticed."""

_TELLING = 6
"""Characters of a credential that is looked for; a shorter one is in any text by chance."""


class Callers:
    """Backends that are about to meet a fault.

    Args:
        t: The trial; its own target goes to the server as it should.
        target: How the callers go there.
    """

    def __init__(self, t: Trial, target: Target) -> None:
        """Prepare; nothing is connected."""
        has_timeout = "timeout_s" in parameters_of(target.backend)
        self.direct = t
        self.timeout_s = _TIMEOUT_S[t.profile.name] if has_timeout else _PATIENCE_S
        self.limit_s = 3 * self.timeout_s + 4 if has_timeout else _PATIENCE_S
        """Seconds in which a call has to end, whatever happens: generous, so that a slow
        machine is not taken for a backend that hangs."""
        known = {*secrets_of(t.target.options), *secrets_of(target.options)}
        self.secrets = [secret for secret in known if len(secret) >= _TELLING]
        self._through = copy.copy(t)
        self._through.target = target.with_options(
            **({"timeout_s": self.timeout_s} if has_timeout else {})
        )
        self._calls: list[Call] = []

    # --- Backends -------------------------------------------------------------------

    def create(self, name: str = "r") -> Any:
        """Return a new instance at a place, made by ``create``."""
        return self._through.create(name)

    def open(self, name: str = "r") -> Any:
        """Return a new instance at a place, made by ``open``."""
        return self._through.open(name)

    def array(self, name: str, shape: tuple[int, ...] = (8,)) -> Any:
        """Return a new instance with metadata; see `Trial.array`."""
        return self._through.array(name, shape)

    def arrange(self) -> None:
        """Put arrays at the places of the operations, as the trial itself."""
        for place in PLACES:
            backend = self.direct.create(place)
            if not backend.exists():
                backend.write_metadata(v3_metadata(), 3)
            arrange(backend, place)
            self.direct.settle(backend)

    def mend(self) -> None:
        """Put everything in order again; here, nothing can be."""

    # --- Calls ----------------------------------------------------------------------

    def calls(self, *names: str) -> list[Call]:
        """Make operations ready: each on a backend of its own that has been used already.

        Args:
            *names: How the names of those that are wanted begin; all by default.

        Returns:
            The calls, not made yet.

        Raises:
            BaseException: A backend could not be used, although all is in order.
        """
        calls = []
        for one in self._operations(names):  # one after the other: some take their time
            calls.append(self._call(one, self._warm(one.place)))
            if calls[-1].ended(_PATIENCE_S) and calls[-1].error is not None:
                raise calls[-1].error
        return calls

    def newcomers(self, *names: str) -> list[Call]:
        """Make operations ready that are done on a backend of their own, not connected yet."""
        every = [self._late(one) for one in self._operations(())]
        wanted = [one for one in (*every, self._opening()) if one.name.startswith(names or ("",))]
        return [self._call(one, lambda: None) for one in wanted]

    def make_in_turn(self, calls: Iterable[Call]) -> None:
        """Let calls run one after the other."""
        for call in calls:
            self.make([call])

    def make(self, calls: Iterable[Call], *, again_on: type[BaseException] | None = None) -> None:
        """Let all calls run at once, until each has ended or the limit has passed.

        Args:
            calls: What to do.
            again_on: Error after which a call is made once more, up to three times: where
                connections were closed beforehand, a backend may notice it only now.
        """
        under_way = list(calls)
        for _ in range(1 + _AGAIN):
            for call in under_way:
                call.start()
            # Each attempt has the whole limit: a call that is made again is not a late one.
            deadline = time.monotonic() + self.limit_s
            ended = [c for c in under_way if c.ended(max(0.0, deadline - time.monotonic()))]
            under_way = [call for call in ended if isinstance(call.error, again_on or ())]

    def end(self) -> None:
        """End every thread and close every instance, but for those that still hang."""
        for call in self._calls:
            call.end()
        for call in self._calls:
            if call.ended(self.timeout_s) and isinstance(call.backend, SupportsClose):
                with suppress(Exception):
                    call.backend.close()

    def _operations(self, names: tuple[str, ...]) -> Iterator[Operation]:
        """Yield those operations whose names begin so, and which the backend has."""
        self.arrange()
        have = capabilities_of(self.direct.create("r"))
        for one in operations():
            if (not one.needs or one.needs in have) and (not names or one.name.startswith(names)):
                yield one

    def _opening(self) -> Operation:
        """Return the operation of opening an array that exists."""
        return Operation(
            "open(...).read_chunk((1,))",
            *("", "r", lambda _: bytes(self.open("r").read_chunk((1,)))),
            lambda seen: "" if seen == SMALL else "opened something else",
        )

    def _warm(self, place: str) -> Callable[[], Any]:
        """Return a function that makes a backend which has been used."""

        def connect() -> Any:
            backend = self._through.target.backend.create(**self._through.options(place))
            backend.read_metadata()
            backend.read_chunk((1,))
            return backend

        return connect

    def _late(self, one: Operation) -> Operation:
        """Return an operation that connects first."""
        return one._replace(
            name=f"create(...).{one.name}",
            act=lambda _: one.act(self.create(one.place)),
        )

    def _call(self, one: Operation, connect: Callable[[], Any]) -> Call:
        """Return the call of an operation."""
        call = Call(one, connect)
        self._calls.append(call)
        return call
