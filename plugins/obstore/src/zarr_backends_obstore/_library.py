"""obstore, in a copy of its own where this process was forked.

The threads of obstore's runtime do not survive a fork: in a child of a process that has used
it, every call hangs, whoever made it. The runtime belongs to the loaded file, so a forked
child loads a copy of that file, which has another.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

__all__ = ["Library", "library"]


class Library:
    """The functions and the classes of stores of one loaded obstore."""

    def __init__(self, functions: Any, stores: Any) -> None:
        """Take both modules."""
        self.functions = functions
        """Has ``get_async``, ``put_async``, ``list`` and so on."""
        self.stores = stores
        """Has ``S3Store``, ``GCSStore`` and ``AzureStore``."""


class _Loaded:
    """What this process uses."""

    def __init__(self) -> None:
        self.is_copy = False
        self.forget()

    def forget(self) -> None:
        """Drop all, as a new process does."""
        self.lock = threading.Lock()
        self.library: Library | None = None

    def after_fork(self) -> None:
        """Note that what is loaded already is of no use here."""
        self.forget()
        self.is_copy = "obstore._obstore" in sys.modules


_loaded = _Loaded()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loaded.after_fork)


def library() -> Library:
    """Return obstore, loaded on first use."""
    with _loaded.lock:
        if _loaded.library is None:
            _loaded.library = _copy() if _loaded.is_copy else _original()
        return _loaded.library


def _original() -> Library:
    """Import obstore as everyone does."""
    # Slow to load, and listing the installed backends must not.
    import obstore  # noqa: PLC0415
    import obstore.store  # noqa: PLC0415

    return Library(obstore, obstore.store)


def _copy() -> Library:
    """Load a copy of obstore's file; it is gone when this returns, as it is loaded then."""
    source = Path(sys.modules["obstore._obstore"].__file__ or "")
    folder = tempfile.mkdtemp(prefix="zarr-backends-obstore-")
    try:
        path = Path(folder) / source.name
        shutil.copyfile(source, path)
        loader = importlib.machinery.ExtensionFileLoader("_obstore", str(path))
        spec = importlib.util.spec_from_loader("_obstore", loader)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]  # made above
        loader.exec_module(module)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Library(module, module._store)  # noqa: SLF001  # it has no other name there
