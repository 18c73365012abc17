"""Entry of the command ``zarr-backends-compliance``; what it does is in `_commands`."""

from __future__ import annotations

import sys
import traceback

__all__ = ["main"]


def main() -> None:
    """Run the command line; a failure of the kit itself ends with status 2."""
    try:
        # Not at the top: the processes that checks start import this module again.
        from zarr_backends_compliance._commands.group import commands  # noqa: PLC0415

        commands(prog_name="zarr-backends-compliance")
    except Exception:  # noqa: BLE001  # anything else would look like a fault of the backend
        traceback.print_exc()
        sys.exit(2)
