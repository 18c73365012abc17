"""Runs checks, one after the other, and says what came of each.

1. `survey` connects once, finds the capabilities and what is around the backend, and makes
   sure that the places of the kit are empty. What fails here is the environment's fault.
2. Each check runs in a thread of its own with a time limit, since a backend may hang.
3. What a check raised is sorted: a finding, a skip, or a failure of the kit. A check that
   broke by itself is tried on the kit's own correct backend; where it works there, it was
   what the tested backend returned that broke it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from zarr_backends import (
    Backend,
    BackendTimeoutError,
    ConfigurationError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
)
from zarr_backends_compliance._kernel.blame import finding_of, is_connection_trouble
from zarr_backends_compliance._kernel.capabilities import (
    CAPABILITIES,
    SURROUNDINGS,
    capabilities_of,
)
from zarr_backends_compliance._kernel.check import Check
from zarr_backends_compliance._kernel.endpoints import surroundings_of
from zarr_backends_compliance._kernel.process_probe import other_processes_reach
from zarr_backends_compliance._kernel.profiles import Profile
from zarr_backends_compliance._kernel.stopping import stop_threads
from zarr_backends_compliance._kernel.target import Target, find_target
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import (
    EnvironmentFailure,
    Skip,
    Verdict,
    Violation,
)

__all__ = ["ISOLATION", "Result", "Survey", "run_check", "run_checks", "survey"]

ISOLATION = "ZB-SAFE-01"
"""The check that places are apart. Where they are not, other checks could destroy data."""

_STOP_S = 10.0
"""Seconds that an abandoned check has to end, and its places to be cleared."""

_REFERENCE = "zarr_backends_compliance._mutants.reference:Reference"

_AROUND = (
    BackendTimeoutError, ConfigurationError, NetworkError, PermissionDeniedError, StorageFullError
)  # fmt: skip
"""What the first contact may raise without any fault of the backend."""


class Survey(NamedTuple):
    """What is known of a target before the checks."""

    target: Target
    capabilities: frozenset[str]
    surroundings: frozenset[str]


class Result(NamedTuple):
    """What came of one check."""

    check: Check
    verdict: Verdict
    seen: str
    """What was seen, "" where all is well; for a skip, what is missing."""
    seconds: float
    notes: Mapping[str, Any]
    """What the check found out beside its verdict."""


def survey(target: Target, *, folder: str) -> Survey:
    """Connect once and find out what there is to test.

    Args:
        target: What is tested.
        folder: Folder for the kit's own files.

    Returns:
        The target, and what it can do.

    Raises:
        EnvironmentFailure: The backend cannot be reached with these options, or its place
            is not empty.
    """
    around = surroundings_of(target)
    first = Trial(target, folder=folder, surroundings=around)
    try:
        backend = first.create()
        occupied = not target.has_places and _holds_something(backend)
        capabilities = capabilities_of(backend)
        first.release()
    except _AROUND as error:
        message = f"the backend cannot be used with these options: {error}"
        raise EnvironmentFailure(message) from error
    except Exception:
        # Whatever it is, the checks will find it and say it better.
        return Survey(target, _capabilities_of_class(target), around)
    if occupied:
        message = (
            "something is stored at the place that the options name; give an empty one, "
            "or write {name} where the options name the array"
        )
        raise EnvironmentFailure(message)
    reached = {"processes"} if other_processes_reach(target, folder) else set()
    return Survey(target, capabilities, around | reached)


def run_checks(  # noqa: PLR0913  # what a run is
    found: Survey,
    checks: Iterable[Check],
    *,
    profile: Profile,
    seed: int,
    folder: str,
    on_result: Callable[[Result], object] = id,
) -> list[Result]:
    """Run checks, the one of isolation before all; where that fails nothing else is run.

    Args:
        found: What `survey` returned.
        checks: What to run.
        profile: How thoroughly; checks that it does not include are left out.
        seed: Of everything random.
        folder: Folder for the kit's own files.
        on_result: Called after each check.

    Returns:
        What came of each.
    """
    results: list[Result] = []
    for check in sorted(checks, key=lambda check: check.id != ISOLATION):
        if profile.includes(check.level):
            result = run_check(check, found, profile=profile, seed=seed, folder=folder)
            results.append(result)
            on_result(result)
            if check.id == ISOLATION and result.verdict == "FAIL":
                break
    return results


def run_check(check: Check, found: Survey, *, profile: Profile, seed: int, folder: str) -> Result:
    """Run one check; see `run_checks` for the arguments."""
    missing = _missing(check, found)
    if missing:
        return Result(check, "SKIP", missing, 0.0, {})
    trial = Trial(
        found.target,
        profile=profile,
        seed=f"{seed}/{check.id}",
        folder=folder,
        surroundings=found.surroundings,
    )
    start = time.perf_counter()
    error = _outcome(check, trial)
    if error is not None and not isinstance(error, Violation | Skip | EnvironmentFailure):
        error = _tried_on_reference(check, error, profile)
    if isinstance(error, Violation) and is_connection_trouble(error):
        error = _still_there(found, error, folder)
    verdict, seen = _verdict(error)
    return Result(check, verdict, seen, time.perf_counter() - start, trial.notes)


def _holds_something(backend: Backend) -> bool:
    """Whether there is an array, or a chunk, at the place of a backend."""
    return backend.exists() or next(iter(backend.list_chunks()), None) is not None


def _missing(check: Check, found: Survey) -> str:
    """Return what a check needs and the target does not have, "" where nothing is missing."""
    have = found.capabilities | found.surroundings
    for need in check.needs:
        if need not in have:
            return SURROUNDINGS.get(need) or f"the capability {need}"
    return ""


def _verdict(error: BaseException | None) -> tuple[Verdict, str]:
    """Return what a check's outcome is called and what is shown of it."""
    if error is None:
        return "PASS", ""
    if isinstance(error, Skip):
        return "SKIP", str(error)
    if isinstance(error, Violation):
        return "FAIL", str(error)
    if isinstance(error, EnvironmentFailure):
        return "ERROR", str(error)
    return "ERROR", "".join(traceback.format_exception(error))


def _outcome(check: Check, trial: Trial) -> BaseException | None:
    """Run a check in a thread with its time limit; return what it raised, as a finding."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            check.body(trial)
        except BaseException as error:
            raised.append(finding_of(error))
        try:
            # Where places are not apart, what is there may be somebody's data.
            if raised and check.id == ISOLATION:
                trial.release()
            else:
                trial.finish()
        except Exception as error:
            raised.append(finding_of(error))

    thread = threading.Thread(target=run, name=check.id, daemon=True)
    thread.start()
    try:
        thread.join(check.timeout_s)
        if thread.is_alive():
            raised.insert(0, _hanging(check, thread))
    finally:  # also where the user interrupts the run
        if thread.is_alive():
            _abandon(trial, thread)
    return raised[0] if raised else None


def _hanging(check: Check, thread: threading.Thread) -> Violation:
    """Return the finding that a check does not end."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # there is no other way
    last = traceback.extract_stack(frame)[-1] if frame else None
    where = f"; it was last in {last.name}, {last.filename}:{last.lineno}" if last else ""
    return Violation(f"it did not end within {check.timeout_s:g} s{where}")


def _abandon(trial: Trial, thread: threading.Thread) -> None:
    """Stop a check and delete what it wrote; neither may take long, should the backend hang."""
    trial.stop()
    stop_threads([thread], _STOP_S)
    cleaning = threading.Thread(target=_cleaned, args=(trial,), daemon=True)
    cleaning.start()
    cleaning.join(_STOP_S)


def _cleaned(trial: Trial) -> None:
    """Delete what a check wrote, as far as the backend lets one."""
    with suppress(Exception):
        trial.finish()


def _tried_on_reference(check: Check, error: BaseException, profile: Profile) -> BaseException:
    """Return the finding that a broken check stands for, or the error of the kit itself."""
    with tempfile.TemporaryDirectory() as folder:
        target = find_target(_REFERENCE, {}, folder)
        reference = survey(target, folder=folder)
        if _missing(check, reference):
            return error
        trial = Trial(target, profile=profile, folder=folder, surroundings=reference.surroundings)
        if _outcome(check, trial) is not None:
            return error
    line = traceback.extract_tb(error.__traceback__)[-1].line
    found = Violation(f"{type(error).__name__}: {error}, in `{line}`")
    found.__cause__ = error
    return found


def _still_there(found: Survey, error: Violation, folder: str) -> BaseException:
    """Return the finding, or an environment failure where the server is gone altogether."""
    try:
        survey(found.target, folder=folder)
    except EnvironmentFailure as failure:
        return failure
    return error


def _capabilities_of_class(target: Target) -> frozenset[str]:
    """Return the capabilities that a class has, where no instance is to be had."""
    return frozenset(
        name for name, protocol in CAPABILITIES.items() if issubclass(target.backend, protocol)
    )
