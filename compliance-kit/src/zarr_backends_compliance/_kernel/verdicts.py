"""What can be said of a backend after a check, and how a check says it."""

from __future__ import annotations

from typing import Literal, NoReturn, TypeAlias

__all__ = ["EnvironmentFailure", "Skip", "Verdict", "Violation", "skip", "violated"]

Verdict: TypeAlias = Literal["PASS", "FAIL", "ERROR", "SKIP", "DEVIATION"]
"""``PASS``: the backend does what the contract says. ``FAIL``: it does not. ``ERROR``: the
kit or its surroundings failed, which says nothing about the backend. ``SKIP``: the check is
about something that this backend does not have. ``DEVIATION``: it fails, as was declared."""


class Violation(AssertionError):  # noqa: N818  # it is about the backend, not about the kit
    """The backend broke the contract; the message says what was seen."""


class Skip(Exception):  # noqa: N818  # it is no error
    """The check does not apply; the message says which capability is missing."""


class EnvironmentFailure(Exception):  # noqa: N818  # it is one, by its name
    """The server, the network or the machine failed, not the backend."""


def violated(seen: str) -> NoReturn:
    """Fail the check.

    Args:
        seen: What the backend did, in one sentence with the values concerned.

    Raises:
        Violation: Always.
    """
    raise Violation(seen)


def skip(missing: str) -> NoReturn:
    """Leave the check out.

    Args:
        missing: What the backend does not have.

    Raises:
        Skip: Always.
    """
    raise Skip(missing)
