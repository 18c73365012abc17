"""Entry of the command ``zarr-backends``; what it does is in `_commands`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        # Not at the top: click and rich come with an extra.
        from zarr_backends._commands import commands  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        sys.exit(f"zarr-backends: {missing} is missing; pip install 'zarr-backends[cli]'")
    commands(prog_name="zarr-backends")
