"""The configuration of one codec, taken apart and checked.

A codec takes its options one by one; what is left over is refused, because an option that
is not understood may change what the bytes mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from zarr_backends._format.metadata.members import show
from zarr_backends.errors import CodecError

__all__ = ["Options"]

_NUMBER = re.compile(r"-?[0-9]{1,9}")


class Options:
    """Options of the codec `name`.

    >>> Options("gzip", {"level": 11}).integer("level", 5, 0, 9)
    Traceback (most recent call last):
    zarr_backends.errors.CodecError: level of codec 'gzip' must be an integer from 0 to 9, not 11
    """

    def __init__(self, name: str, configuration: Mapping[str, Any]) -> None:
        """Keep the options that a document gives.

        Args:
            name: Name of the codec, for messages.
            configuration: Its options.
        """
        self.name = name
        self._left = dict(configuration)

    def integer(self, option: str, default: int, low: int, high: int) -> int:
        """Return an option that is an integer from `low` to `high`.

        Raises:
            CodecError: It is something else.
        """
        value = self._left.pop(option, default)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            # Some writers of v2 documents give numbers as text.
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(option, value, f"an integer from {low} to {high}")
        return value

    def boolean(self, option: str, *, default: bool) -> bool:
        """Return an option that is true or false.

        Raises:
            CodecError: It is something else.
        """
        value = self._left.pop(option, default)
        if not isinstance(value, bool):
            self.refuse(option, value, "true or false")
        return value

    def choice(self, option: str, default: str | None, choices: tuple[str, ...]) -> str:
        """Return an option that is one of some words.

        Raises:
            CodecError: It is something else.
        """
        value = self._left.pop(option, default)
        if not isinstance(value, str) or value not in choices:
            self.refuse(option, value, f"one of {', '.join(map(repr, choices))}")
        return value

    def take(self, option: str, default: Any = None) -> Any:
        """Return an option as it is."""
        return self._left.pop(option, default)

    def rest(self) -> dict[str, Any]:
        """Return every option that was not taken yet, and count it as taken."""
        rest, self._left = self._left, {}
        return rest

    def finish(self) -> None:
        """Refuse options that nobody took.

        Raises:
            CodecError: There are some.
        """
        for option, value in self._left.items():
            message = f"codec {self.name!r} has no option {option!r:.80} (it is {show(value)})"
            raise CodecError(message)

    def refuse(self, option: str, value: object, expected: str) -> NoReturn:
        """Raise the error that says what an option must be and what it is.

        Raises:
            CodecError: Always.
        """
        message = f"{option} of codec {self.name!r} must be {expected}, not {show(value)}"
        raise CodecError(message)
