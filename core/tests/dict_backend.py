"""The smallest backend with keys: four methods over a dict, nothing inherited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from zarr_backends.contract import Buffer


class DictBackend:
    """Keeps values in memory; pickled, it takes them along."""

    backend_id: ClassVar[str] = "dict"

    def __init__(self) -> None:
        """Start empty."""
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> Buffer | None:
        """Return a value."""
        return self.values.get(key)

    def set(self, key: str, value: Buffer) -> None:
        """Keep a copy of the bytes."""
        self.values[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.values.pop(key, None)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield keys straight from the dict, so that a change meanwhile is an error."""
        return (key for key in self.values if key.startswith(prefix))

    def __eq__(self, other: object) -> bool:
        """Whether the values are the same."""
        return isinstance(other, DictBackend) and self.values == other.values

    def __hash__(self) -> int:
        """Return the same hash for all, as values change."""
        return 0
