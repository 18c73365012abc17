"""Deletes what a trial left at places that are paths of this machine.

A backend that keeps files may leave folders, locks and archives that its own methods cannot
delete. Their names begin with one that the kit made by chance, so nobody else has such.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zarr_backends_compliance._kernel.target import PLACEHOLDER

__all__ = ["local_folders", "sweep"]


def local_folders(options: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the folders that places are made in, as far as they are paths of this machine.

    Args:
        options: Options of a target, with the placeholder.
    """
    for value in options.values():
        if isinstance(value, str | os.PathLike) and PLACEHOLDER in str(value):
            yield Path(str(value).partition(PLACEHOLDER)[0] + "x").parent


def sweep(options: Mapping[str, Any], name: str) -> None:
    """Delete everything whose name begins with `name` in the folders of places.

    Args:
        options: Options of a target, with the placeholder.
        name: How the names of one trial begin, its random part included.
    """
    for folder in local_folders(options):
        for path in list(folder.glob(f"{name}*")) if folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
