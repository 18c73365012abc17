"""The user's attributes of an array, stored as soon as they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["Attributes"]


class Attributes(MutableMapping[str, Any]):
    """A mapping whose every change is written to the array's metadata.

    Values are what JSON can hold; NumPy scalars and arrays are turned into it. Several
    changes are written at once by ``update`` or `put`.
    """

    def __init__(
        self, read: Callable[[], Mapping[str, Any]], write: Callable[[dict[str, Any]], None]
    ) -> None:
        """Make a view.

        Args:
            read: Returns the attributes that the array knows.
            write: Stores a whole new set; raises and changes nothing when it cannot.
        """
        self._read = read
        self._write = write

    def __getitem__(self, name: str) -> Any:
        """Return one attribute."""
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in their order."""
        return iter(self._read())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._read())

    def __setitem__(self, name: str, value: Any) -> None:
        """Store one attribute."""
        self._write({**self._read(), name: value})

    def __delitem__(self, name: str) -> None:
        """Remove one attribute."""
        attributes = dict(self._read())
        del attributes[name]
        self._write(attributes)

    def update(self, *others: Any, **names: Any) -> None:
        """Store several attributes with one write."""
        self._write({**self._read(), **dict(*others, **names)})

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Replace all attributes."""
        self._write(dict(attributes))

    def clear(self) -> None:
        """Remove all attributes."""
        self._write({})

    def asdict(self) -> dict[str, Any]:
        """Return a copy as a plain dict."""
        return dict(self._read())

    def __repr__(self) -> str:
        """Show the attributes as a dict."""
        return repr(self.asdict())
