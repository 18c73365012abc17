"""What tests share: places, and an array of plain chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zarr_backends as zb

_DOCUMENT = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10_000],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes"}],
    "attributes": {},
}


@pytest.fixture
def document() -> dict[str, Any]:
    """Return metadata of an array of 10,000 chunks of a byte."""
    return dict(_DOCUMENT)


@pytest.fixture
def memory() -> Callable[..., Any]:
    """Return what makes backends in memory, each with the array's metadata if `document`."""

    def make(*, with_array: bool = True) -> Any:
        backend = zb.get_backend("memory").create()
        if with_array:
            backend.write_metadata(_DOCUMENT, 3)
        return backend

    return make


@pytest.fixture
def wrap(memory: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Give what makes wrappers over an array in memory, closed at the end.

    Yields:
        A function of the wrapper's id and options.
    """
    made = []

    def make(storage: str, **options: Any) -> Any:
        options.setdefault("inner", memory())
        made.append(zb.get_backend(storage).create(**options))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
