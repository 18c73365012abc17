"""Proves that a storage backend is right: the whole contract, no code to write.

>>> from zarr_backends_compliance import trial
>>> with trial("memory") as t:
...     t.array().exists()
True

Names are imported when they are first used, so that pytest, which imports this package
wherever it is installed, does not pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarr_backends_compliance._kernel.expect import (
        content,
        equal,
        indices,
        is_true,
        raises,
        same_bytes,
    )
    from zarr_backends_compliance._kernel.samples import payload, v2_metadata, v3_metadata
    from zarr_backends_compliance._kernel.trial import trial
    from zarr_backends_compliance.suite import BackendCompliance

__all__ = [
    "BackendCompliance",
    "content",
    "equal",
    "indices",
    "is_true",
    "payload",
    "raises",
    "same_bytes",
    "trial",
    "v2_metadata",
    "v3_metadata",
]

_HOMES = {
    "BackendCompliance": "suite",
    "content": "_kernel.expect",
    "equal": "_kernel.expect",
    "indices": "_kernel.expect",
    "is_true": "_kernel.expect",
    "payload": "_kernel.samples",
    "raises": "_kernel.expect",
    "same_bytes": "_kernel.expect",
    "trial": "_kernel.trial",
    "v2_metadata": "_kernel.samples",
    "v3_metadata": "_kernel.samples",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for from the module that has it."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # slow, and seldom needed

        return version("zarr-backends-compliance")
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return every public name."""
    return sorted({*globals(), *__all__})
