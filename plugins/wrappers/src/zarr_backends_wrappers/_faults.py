"""The script of a faulty store: what goes wrong with which call.

Every call has a number. What happens to it depends on the seed, its number and the number of
values drawn before, never on the clock, so that the same calls in the same order meet the
same faults.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import zarr_backends
from zarr_backends import ZarrBackendsError
from zarr_backends_wrappers._operations import CHANGES, OPERATIONS
from zarr_backends_wrappers._values import count, rate, refusal

__all__ = ["ERRORS", "Fate", "Script", "damaged", "error_named"]

ERRORS = (
    "BackendError",
    "BackendTimeoutError",
    "ConflictError",
    "NetworkError",
    "PermissionDeniedError",
    "StorageFullError",
)
"""Errors that can be raised on purpose."""


class Fate(NamedTuple):
    """What happens to one call."""

    fails: bool
    is_lost: bool
    corrupts: bool
    truncates: bool


@dataclass(frozen=True)
class Script:
    """Which calls meet which fault."""

    wrapper: str
    """Id of the wrapper, for errors."""
    error_rate: float = 0.0
    """Share of the calls that fail."""
    error_rates: Mapping[str, float] = field(default_factory=dict)
    """The same for single operations, instead of `error_rate`."""
    fail_on: Collection[str] = ()
    """Operations that always fail."""
    fail_nth: int | Mapping[str, int] | None = None
    """Number of the call that fails, counted from 1: of all, or by operation."""
    corruption_rate: float = 0.0
    """Share of the values read in which a bit is not what it was."""
    truncation_rate: float = 0.0
    """Share of the values read that lack their end."""
    lost_write_rate: float = 0.0
    """Share of the changes that are acknowledged and not made."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: One of them is impossible.
        """
        for name in ("error_rate", "corruption_rate", "truncation_rate", "lost_write_rate"):
            rate(self.wrapper, name, getattr(self, name))
        if not isinstance(self.error_rates, Mapping):
            failure = refusal(self.wrapper, "error_rates", self.error_rates, "a mapping")
            raise failure
        for share in self.error_rates.values():
            rate(self.wrapper, "error_rates", share)
        if isinstance(self.fail_on, str) or not isinstance(self.fail_on, Collection):
            failure = refusal(self.wrapper, "fail_on", self.fail_on, "a list of operations")
            raise failure
        for option, names in (("fail_on", self.fail_on), ("error_rates", self.error_rates)):
            self._check_operations(option, names)
        self._check_nth()

    def _check_nth(self) -> None:
        """Check which call is to fail."""
        if isinstance(self.fail_nth, Mapping):
            self._check_operations("fail_nth", self.fail_nth)
            for number in self.fail_nth.values():
                count(self.wrapper, "fail_nth", number)
        elif self.fail_nth is not None:
            count(self.wrapper, "fail_nth", self.fail_nth)

    def _check_operations(self, option: str, names: Collection[str]) -> None:
        """Refuse what is no operation.

        Raises:
            ConfigurationError: One of them is none.
        """
        for name in names:
            if name not in OPERATIONS:
                remedy = f"operations among {', '.join(sorted(OPERATIONS))}"
                failure = refusal(self.wrapper, option, name, remedy)
                raise failure

    def fate(self, name: str, number: int, number_of_kind: int, random: Random) -> Fate:
        """Return what happens to a call; draws four numbers, whatever they are used for.

        Args:
            name: Operation.
            number: Of the call among all, from 1.
            number_of_kind: Of the call among those of this operation, from 1.
            random: Source of chance.
        """
        draws = [random.random() for _ in range(4)]
        nth = self.fail_nth
        is_nth = nth is not None and (
            nth.get(name) == number_of_kind if isinstance(nth, Mapping) else nth == number
        )
        share = self.error_rates.get(name, self.error_rate)
        return Fate(
            fails=is_nth or name in self.fail_on or draws[0] < share,
            is_lost=name in CHANGES and draws[1] < self.lost_write_rate,
            corrupts=draws[2] < self.corruption_rate,
            truncates=draws[3] < self.truncation_rate,
        )


def error_named(name: str) -> type[ZarrBackendsError]:
    """Return an error class of `ERRORS`."""
    found: type[ZarrBackendsError] = getattr(zarr_backends, name)
    return found


def damaged(result: Any, fate: Fate, random: Random) -> Any:
    """Return what was read with the damage that it meets; what are no bytes stays whole."""
    if isinstance(result, list):
        return [damaged(value, fate, random) for value in result]
    if not isinstance(result, bytes | bytearray | memoryview) or not len(result):
        return result
    value = bytearray(result)
    if fate.corrupts:
        value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    if fate.truncates:
        del value[random.randrange(len(value)) :]
    return bytes(value)
