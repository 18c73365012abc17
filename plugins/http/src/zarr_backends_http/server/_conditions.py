"""Conditional requests: values are changed only where they are what the client thinks.

Source: RFC 9110, section 13. The store's own update makes it atomic, so that two servers
before one store lose nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from zarr_backends import Buffer
from zarr_backends_http._protocol import etag_of
from zarr_backends_http.server._problems import ProblemError
from zarr_backends_http.server._values import Values

__all__ = ["Condition", "change", "condition_of"]

_TAGS = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
_ANY = "*"


class Condition(NamedTuple):
    """What ``If-Match`` and ``If-None-Match`` say; None where they are not there."""

    match: frozenset[str] | None
    none_match: frozenset[str] | None

    @property
    def is_absent(self) -> bool:
        """Whether all that is asked for is that there be no value."""
        return self.match is None and self.none_match == frozenset({_ANY})

    def fits(self, value: Buffer | None) -> bool:
        """Whether both hold for a value, None standing for none."""
        tags = set() if value is None else {_ANY, etag_of(value)}
        if self.match is not None and not tags & self.match:
            return False
        return self.none_match is None or not tags & self.none_match


class _UnmetError(Exception):
    """A condition does not hold."""


def condition_of(headers: Mapping[str, str]) -> Condition | None:
    """Return the condition of a request, None where it has none."""
    if "if-match" not in headers and "if-none-match" not in headers:
        return None
    match = _tags(headers.get("if-match"), weak=False)
    return Condition(match, _tags(headers.get("if-none-match"), weak=True))


def change(
    values: Values,
    name: Any,
    value: Buffer | None,
    condition: Condition | None,
    lock: threading.Lock,
) -> None:
    """Set a value, or delete it where the new one is None.

    Args:
        values: Where it is.
        name: Its name.
        value: What it shall be.
        condition: What has to hold.
        lock: Lock of the array, for storages that cannot update by themselves.

    Raises:
        ProblemError: The condition does not hold.
    """
    if not values.can_update:
        with lock:
            is_done = condition is None or condition.fits(values.get(name))
            if is_done:
                _put(values, name, value)
    elif condition is not None:
        is_done = _update(values, name, value, condition)
    else:
        is_done = True
        _put(values, name, value)
    if not is_done:
        text = "the value is not what If-Match or If-None-Match says"
        raise ProblemError(text, "precondition-failed", 412)


def _put(values: Values, name: Any, value: Buffer | None) -> None:
    """Set or delete a value."""
    if value is None:
        values.delete(name)
    else:
        values.set(name, value)


def _update(values: Values, name: Any, value: Buffer | None, condition: Condition) -> bool:
    """Set or delete a value in an update of the store; return whether the condition held."""
    if condition.is_absent and value is not None:
        return values.set_if_absent(name, value)

    def replaced(old: Buffer | None) -> Buffer | None:
        if not condition.fits(old):
            raise _UnmetError
        return value

    try:
        values.update(name, replaced)
    except _UnmetError:
        return False
    return True


def _tags(text: str | None, *, weak: bool) -> frozenset[str] | None:
    """Return the entity tags of a header, None where there is no header.

    Raises:
        ProblemError: It is no list of tags.
    """
    if text is None:
        return None
    if text.strip() == _ANY:
        return frozenset({_ANY})
    found, end = [], 0
    while end < len(text):
        match = _TAGS.match(text, end)
        if match is None:
            message = f"{text!r:.80} is no list of entity tags"
            raise ProblemError(message, "invalid-request", 400)
        found.append(match)
        end = match.end()
    return frozenset(match[2] for match in found if weak or not match[1])
