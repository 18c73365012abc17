"""Names of files that are being written: names that no key can have.

They are those of the core's file system backend, so that either may look after what a killed
writer of the other has left.
"""

from __future__ import annotations

import re
import secrets

__all__ = ["is_temporary", "temporary_beside"]

_NAME = re.compile(r"\.[0-9a-f]{16}\.zb-tmp")


def temporary_beside(path: str) -> str:
    """Return a new path in the folder of another one."""
    return f"{path.rpartition('/')[0]}/.{secrets.token_hex(8)}.zb-tmp"


def is_temporary(path: str) -> bool:
    """Whether a path is that of a file which is being written."""
    return _NAME.fullmatch(path.rpartition("/")[2]) is not None
