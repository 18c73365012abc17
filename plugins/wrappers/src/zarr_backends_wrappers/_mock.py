"""The backend ``mock``: a store that fails on purpose, to test what stands on it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import fields
from random import Random, SystemRandom
from threading import Lock
from typing import Any, ClassVar, Literal, NamedTuple

from zarr_backends_wrappers._delays import Line
from zarr_backends_wrappers._faults import ERRORS, Fate, Script, damaged, error_named
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import Interceptor
from zarr_backends_wrappers._operations import Operation
from zarr_backends_wrappers._values import choice, count, refusal

__all__ = ["Call", "MockBackend"]


class Call(NamedTuple):
    """A call that a mock saw."""

    number: int
    """Of all calls, from 1."""
    operation: str
    """Name of the operation."""
    about: Any
    """Chunk index, key or prefix; None where there is none."""
    fault: str
    """``"error"``, ``"lost"``, ``"corrupted"``, ``"truncated"``, or ``""`` for none."""


class MockBackend(Interceptor):
    """Passes calls on, and makes some of them go wrong as a script says."""

    backend_id: ClassVar[str] = "mock"

    def connect(  # noqa: PLR0913  # what can go wrong
        self,
        *,
        inner: Inner,
        seed: int | None = None,
        error_rate: float = 0.0,
        error_rates: Mapping[str, float] | None = None,
        error: str = "NetworkError",
        error_when: Literal["before", "after"] = "before",
        fail_on: Collection[str] = (),
        fail_nth: int | Mapping[str, int] | None = None,
        latency_s: float = 0.0,
        distribution: Literal["fixed", "uniform", "exponential"] = "fixed",
        corruption_rate: float = 0.0,
        truncation_rate: float = 0.0,
        lost_write_rate: float = 0.0,
        kept_calls: int = 10_000,
    ) -> None:
        """Take the script.

        Args:
            inner: What works.
            seed: Of all chance; None draws one, which the attribute `seed` tells.
            error_rate: Share of the calls that fail, from 0 to 1.
            error_rates: The same by operation, instead of `error_rate`.
            error: Class of the errors that are raised.
            error_when: ``"before"`` the call is made, or ``"after"``: then it has an effect
                that the caller is not told of.
            fail_on: Operations that always fail.
            fail_nth: Number of the call that fails, from 1; or such numbers by operation.
            latency_s: Seconds that a call takes on top, on average.
            distribution: How they are spread; ``"uniform"`` is from 0 to twice the average.
            corruption_rate: Share of the values read with one bit changed.
            truncation_rate: Share of the values read that lack their end.
            lost_write_rate: Share of the changes that are acknowledged and not made.
            kept_calls: Number of calls that are remembered, the last ones.

        Raises:
            ConfigurationError: A value is impossible.
        """
        self.take(inner)
        self._script = Script(
            self.backend_id,
            error_rate,
            {} if error_rates is None else error_rates,
            fail_on,
            fail_nth,
            corruption_rate,
            truncation_rate,
            lost_write_rate,
        )
        self._error = error_named(choice(self.backend_id, "error", error, ERRORS))
        self._is_after = choice(self.backend_id, "error_when", error_when, ("after", "before"))
        self._line = Line(self.backend_id, latency_s, distribution, None)
        least = -(2**63)
        self.seed: int = (
            SystemRandom().getrandbits(32)
            if seed is None
            else count(self.backend_id, "seed", seed, least=least)
        )
        self._kept_calls = count(self.backend_id, "kept_calls", kept_calls, least=0)
        self._lock = Lock()
        self.reset()

    def renew(self) -> None:
        """Make the locks."""
        self._lock = Lock()
        self._line.renew()

    @property
    def calls(self) -> list[Call]:
        """The calls that were seen, the oldest first."""
        with self._lock:
            return list(self._calls)

    @property
    def counts(self) -> Counter[str]:
        """Number of calls by operation."""
        with self._lock:
            return Counter(self._counts)

    def script(self, **faults: Any) -> None:
        """Replace the faults: the store goes down, or is back.

        Args:
            **faults: Options that say which calls fail, are lost, corrupted or truncated;
                what is not named is off.

        Raises:
            ConfigurationError: A value is impossible.
        """
        known = {field.name for field in fields(Script)} - {"wrapper"}
        if unknown := sorted(faults.keys() - known):
            failure = refusal(self.backend_id, unknown[0], faults[unknown[0]], "left out")
            raise failure
        self._script = Script(self.backend_id, **faults)

    def reset(self) -> None:
        """Forget all calls and begin the script again."""
        with self._lock:
            self._random = Random(self.seed)  # noqa: S311  # not for secrecy
            self._calls: deque[Call] = deque(maxlen=self._kept_calls)
            self._counts: Counter[str] = Counter()
            self._number = 0

    def intercept(self, operation: Operation) -> Any:
        """Make the call and what goes wrong with it.

        Returns:
            What the inner backend returns, perhaps damaged.

        Raises:
            BackendError: The script says so.
        """
        fate, number, seed = self._next(operation)
        self._line.wait()
        if fate.is_lost and not fate.fails:
            return operation.name == "set_if_absent" or None
        if fate.fails and self._is_after == "before":
            failure = self._failure(operation, number)
            raise failure
        result = operation.proceed()
        if fate.fails:
            failure = self._failure(operation, number)
            raise failure
        if not (fate.corrupts or fate.truncates):
            return result
        return damaged(result, fate, Random(seed))  # noqa: S311  # not for secrecy

    def _next(self, operation: Operation) -> tuple[Fate, int, int]:
        """Take note of a call; return its fate, its number and a seed of its own."""
        name = operation.name
        with self._lock:
            self._number += 1
            self._counts[name] += 1
            fate = self._script.fate(name, self._number, self._counts[name], self._random)
            self._calls.append(Call(self._number, name, operation.about, _fault(fate)))
            return fate, self._number, self._random.getrandbits(32)

    def _failure(self, operation: Operation, number: int) -> Exception:
        """Return the error that a call meets."""
        message = f"call {number}, {operation.name}, failed on purpose at {self!r}"
        return self._error(message, backend=self.backend_id)


def _fault(fate: Fate) -> str:
    """Return the name of what goes wrong."""
    if fate.fails:
        return "error"
    if fate.is_lost:
        return "lost"
    return "corrupted" if fate.corrupts else "truncated" if fate.truncates else ""
