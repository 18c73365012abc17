"""Entry of the command ``zarr-backends-compliance``; what it does is in `_commands`."""

from __future__ import annotations

import os
import sys
import threading
import traceback

__all__ = ["main"]

_PATIENCE_S = 5.0
"""Seconds that threads have to end, when everything is done."""


def main() -> None:
    """Run the command line; a failure of the kit itself ends with status 2."""
    try:
        # Not at the top: the processes that checks start import this module again.
        from zarr_backends_compliance._commands.group import commands  # noqa: PLC0415

        commands(prog_name="zarr-backends-compliance")
    except SystemExit as end:
        _end_soon(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    except Exception:  # noqa: BLE001  # anything else would look like a fault of the backend
        traceback.print_exc()
        _end_soon(2)
        sys.exit(2)


def _end_soon(status: int) -> None:
    """End the process in a while, also where a backend has threads wait for each other."""

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    timer = threading.Timer(_PATIENCE_S, end)
    timer.daemon = True
    timer.start()
