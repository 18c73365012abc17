"""Counts the requests of every check; run with ``python -m`` and names of profiles.

The checks are run on the kit's own backend over SQLite; every statement or transaction of it,
in whatever process, is one request. Writes ``requests.json`` beside this module, from which
a run says beforehand what it will cost.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES, Profile
from zarr_backends_compliance._kernel.runner import Survey, run_check, survey
from zarr_backends_compliance._kernel.target import find_target
from zarr_backends_compliance._mutants.connection import Connection
from zarr_backends_compliance._mutants.reference import Reference

__all__ = ["Counted"]


class Counted(Reference):
    """Adds a byte to a file for every request; the size of the file is their number."""

    def connect(self, **options: Any) -> None:
        """Take the place, and the file beside it."""
        super().connect(**options)
        self._tally = f"{options['path']}.requests"

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Count the request that the connection is wanted for."""
        descriptor = os.open(self._tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, b".")
        os.close(descriptor)
        with super()._connected() as database:
            yield database


def main(*names: str) -> None:
    """Count the checks of the named profiles, and keep what is known of the others."""
    home = Path(__file__).with_name("requests.json")
    counted = json.loads(home.read_text("utf-8")) if home.exists() else {}
    for name in names or ("quick", "standard"):
        counted[name] = _counts(PROFILES[name])
    home.write_text(json.dumps(counted, indent=1, sort_keys=True) + "\n", "utf-8")


def _counts(profile: Profile) -> dict[str, int]:
    """Return the requests of each check of a profile."""
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counted"
        target = find_target(
            f"{__spec__.name}:Counted", {"path": str(path), "array_id": "{name}"}, folder
        )
        found: Survey = survey(target, folder=folder)
        for check in all_checks():
            if profile.includes(check.level):
                Path(f"{path}.requests").write_bytes(b"")
                run_check(check, found, profile=profile, seed=0, folder=folder)
                counts[check.id] = Path(f"{path}.requests").stat().st_size
    return counts


if __name__ == "__main__":
    main(*sys.argv[1:])
