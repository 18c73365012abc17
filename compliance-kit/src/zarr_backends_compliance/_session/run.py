"""A run from beginning to end, with everything cleaned up behind it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from zarr_backends_compliance._kernel.runner import Result, Survey, run_checks, survey
from zarr_backends_compliance._kernel.sweeping import local_folders
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._session.deviations import judged
from zarr_backends_compliance._session.explanation import explanation
from zarr_backends_compliance._session.request import Request

__all__ = ["Run", "done", "workspace"]


class Run(NamedTuple):
    """What came of a request."""

    request: Request
    survey: Survey
    results: Sequence[Result]
    seconds: float

    @property
    def counts(self) -> Counter[str]:
        """How many checks have each verdict."""
        return Counter(result.verdict for result in self.results)

    @property
    def status(self) -> int:
        """Exit status: 0 complies, 1 does not, 2 cannot be told."""
        if self.counts["FAIL"]:
            return 1
        return 2 if self.counts["ERROR"] or not self.results else 0

    @property
    def target(self) -> Target:
        """What was tested."""
        return self.survey.target

    def explained(self, result: Result, *, with_values: bool = True) -> str:
        """Return what an author is told about a check that failed.

        Args:
            result: What came of it.
            with_values: Whether options are shown with their values.
        """
        request = self.request if with_values else self.request.without_values()
        return explanation(
            result,
            command=request.command(result.check),
            program=request.program(result.check, self.target),
        )


def done(
    request: Request,
    target: Target,
    folder: str,
    on_result: Callable[[Result], object] = id,
) -> Run:
    """Run what was asked for.

    Args:
        request: What was asked for.
        target: What became of its target.
        folder: Of `workspace`.
        on_result: Called after each check.

    Returns:
        What came of it.

    Raises:
        EnvironmentFailure: The backend cannot be reached, or its place is not empty.
    """
    start = time.perf_counter()
    results: list[Result] = []

    def keep(result: Result) -> None:
        shown = result._replace(seen=request.options.hidden(result.seen))
        results.append(judged(shown, request.deviations))
        on_result(results[-1])

    with _no_new_folders(target):
        found = survey(target, folder=folder)
        run_checks(
            found,
            request.checks,
            profile=request.profile,
            seed=request.seed,
            folder=folder,
            on_result=keep,
        )
    return Run(request, found, results, time.perf_counter() - start)


@contextmanager
def workspace() -> Iterator[str]:
    """Give a temporary folder for the kit's own files, which vanishes at the end.

    Yields:
        Its path.
    """
    folder = tempfile.mkdtemp(prefix="zarr-backends-compliance-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _no_new_folders(target: Target) -> Iterator[None]:
    """Delete folders for places that were made meanwhile and are empty."""
    made = [
        folder
        for place in local_folders(target.options)
        for folder in (place, *place.parents)
        if not folder.exists()
    ]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # it is not there, or somebody has put something into it
                Path(folder).rmdir()
