"""What a user asks the kit to do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from zarr_backends_compliance._kernel.check import Check, program_of
from zarr_backends_compliance._kernel.profiles import Profile
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._session.deviations import Deviation
from zarr_backends_compliance._session.given_options import GivenOptions

__all__ = ["Request"]


class Request(NamedTuple):
    """One run that was asked for."""

    target: str
    """A backend id, a url, or ``module:Class``, as it was written."""
    options: GivenOptions
    checks: Sequence[Check]
    """Those that the profile includes."""
    profile: Profile
    seed: int
    deviations: Mapping[str, Deviation]
    deviations_file: str | None = None

    def command(self, check: Check) -> str:
        """Return the command that runs one check again."""
        words = ["zarr-backends-compliance run", shlex.quote(self.options.shown_target)]
        words += self.options.words()
        if self.profile.name != "quick":
            words += ["--profile", self.profile.name]
        if self.deviations_file and check.id in self.deviations:
            words += ["--deviations", shlex.quote(self.deviations_file)]
        return " ".join([*words, "--only", check.id, "--seed", str(self.seed)])

    def program(self, check: Check, target: Target) -> str:
        """Return the least program that shows what one check sees.

        Args:
            check: The check.
            target: What became of the request's target.
        """
        arguments = self.options.arguments(target)
        return program_of(check, target=self.options.shown_target, options=arguments)

    def without_values(self) -> Request:
        """Return the request as reports show it."""
        return self._replace(options=self.options.without_values())
