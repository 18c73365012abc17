"""The command line as a whole.

Exit status is 0 for a backend that complies, 1 for one that does not, and 2 where that
cannot be told: wrong usage, a server that is not there, a failure of the kit. 130 after an
interrupt.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from zarr_backends.errors import ZarrBackendsError
from zarr_backends_compliance._commands.catalogue import explain_command, list_command
from zarr_backends_compliance._commands.grade import grade_command
from zarr_backends_compliance._commands.run import run_command
from zarr_backends_compliance._commands.serve import serve_command
from zarr_backends_compliance._kernel.verdicts import EnvironmentFailure
from zarr_backends_compliance._session.deviations import DeviationError

__all__ = ["commands"]

_INTERRUPTED = 130

_EXPECTED = (ZarrBackendsError, EnvironmentFailure, DeviationError, ImportError, OSError)
"""What the message alone explains."""


class _Failure(click.ClickException):
    """Nothing can be said about the backend."""

    exit_code = 2


class _Commands(click.Group):
    """Tells errors that users can do something about in one message."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command.

        Returns:
            What the command returns.

        Raises:
            _Failure: The command failed.
        """
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as well
        try:
            return super().invoke(context)
        except _EXPECTED as error:
            raise _Failure(str(error)) from error
        except (KeyboardInterrupt, EOFError):
            click.echo("\nInterrupted; what was written has been deleted.", err=True)
            sys.exit(_INTERRUPTED)


@click.group(cls=_Commands, epilog="Exit status: 0 complies, 1 does not, 2 cannot be told.")
@click.version_option(package_name="zarr-backends-compliance")
def commands() -> None:
    """Prove that a storage backend of zarr-backends is right."""


for command in (explain_command, grade_command, list_command, run_command, serve_command):
    commands.add_command(command)
