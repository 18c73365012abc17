"""Runs checks on mutants, and says which check found which fault.

Each mutant is tried in a process of its own, since a fault may hang it or spoil what is
around it. The check that has to find the fault is run in the quick profile, and in the
standard profile where that did not show it; the others are run in a profile smaller still,
those of its family first, which are the likeliest to find it as well.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from zarr_backends_compliance._kernel.check import Check, all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES, Profile
from zarr_backends_compliance._kernel.runner import Survey, run_check, survey
from zarr_backends_compliance._kernel.target import find_target
from zarr_backends_compliance._kernel.verdicts import EnvironmentFailure, Verdict
from zarr_backends_compliance._mutants.mutant import Mutant, all_mutants
from zarr_backends_compliance._mutants.network_server import NetworkServer

__all__ = ["OTHERS", "Graded", "Others", "grade", "references"]

Others: TypeAlias = Literal["none", "first", "all"]
"""Which checks are run on a mutant besides the one that has to find it."""

OTHERS: tuple[Others, ...] = get_args(Others)
"""The same, as a tuple."""

_SMALL = PROFILES["quick"]._replace(examples=3, threads=4, rounds=10, kills=1)
"""For the checks that are not named: most of what can go wrong by chance is left out."""

_TIMEOUT_S = 20.0
"""Seconds that a check may take on a mutant; hanging is a fault like any other."""

_REFERENCES = tuple(
    Mutant(f"zarr_backends_compliance._mutants.{name}", "", "none", server)
    for name, server in (
        ("bare:BareFiles", ""),
        ("bare:BareMemory", ""),
        ("capable:Buffered", ""),
        ("capable:WithSnapshots", ""),
        ("capable:WithUrls", ""),
        ("network_reference:NetworkReference", "network"),
        ("reference:Reference", ""),
    )
)
"""Backends without a fault, tried as the mutants are."""


class Graded(NamedTuple):
    """What came of one mutant."""

    mutant: Mutant
    verdicts: Mapping[str, Verdict]
    """By the id of the check; those that were not run are left out."""
    seen: str
    """What the named check saw, or why it could not be run."""

    @property
    def killers(self) -> list[str]:
        """Ids of the checks that found a fault, sorted."""
        return sorted(check for check, verdict in self.verdicts.items() if verdict == "FAIL")

    @property
    def accusations(self) -> dict[str, Verdict]:
        """What the checks say that neither accept nor skip."""
        return {check: v for check, v in self.verdicts.items() if v not in ("PASS", "SKIP")}

    @property
    def is_killed(self) -> bool:
        """Whether the check that has to find the fault found it."""
        return self.verdicts.get(self.mutant.killer) == "FAIL"


def references() -> Iterator[Graded]:
    """Yield what comes of every check on the backends that have no fault, in the quick profile."""
    return _in_processes(_REFERENCES, "all", processes=2)


def grade(
    mutants: Iterable[Mutant] = (), *, others: Others = "none", processes: int = 2
) -> Iterator[Graded]:
    """Try mutants, each on the check that has to find it.

    Args:
        mutants: Which ones; all, if none are given.
        others: Run no other check on them, every other one until the first that finds the
            fault as well, or all.
        processes: How many are tried at once.

    Returns:
        What came of each, in the order in which they end.
    """
    return _in_processes(tuple(mutants) or all_mutants(), others, processes=processes)


def _in_processes(mutants: Iterable[Mutant], others: Others, *, processes: int) -> Iterator[Graded]:
    """Try mutants on the named check and on others, each mutant in a process of its own."""
    with ThreadPoolExecutor(processes) as pool:
        futures = [pool.submit(_in_process, mutant, others) for mutant in mutants]
        for future in as_completed(futures):
            yield future.result()


def _in_process(mutant: Mutant, others: Others) -> Graded:
    """Try a mutant in a process that may die of it, or not want to end."""
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_graded, args=(sender, mutant, others))
    process.start()
    sender.close()
    try:
        graded: Graded = receiver.recv()
    except EOFError:
        process.join()
        return Graded(mutant, {}, f"its process ended with status {process.exitcode}")
    finally:
        # A fault that makes threads wait for each other would keep it alive for ever.
        process.kill()
        process.join()
        receiver.close()
    return graded


def _send_graded(sender: Connection, mutant: Mutant, others: Others) -> None:
    """Try a mutant, and tell what came of it."""
    sender.send(_graded(mutant, others))


def _graded(mutant: Mutant, others: Others) -> Graded:
    """Run the named check and others on one mutant."""
    by_id = {check.id: check for check in all_checks()}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        options = {}
        if mutant.server:
            server = stack.enter_context(NetworkServer())
            options = {"url": server.url, "token": server.token}
        try:
            found = survey(find_target(mutant.name, options, folder), folder=folder)
        except EnvironmentFailure as failure:
            return Graded(mutant, {}, str(failure))
        seen = ""
        verdicts: dict[str, Verdict] = {}
        for check_id in _in_turn(mutant, others):
            profiles = _profiles(mutant, check_id)
            verdicts[check_id], text = _verdict(by_id[check_id], found, folder, profiles)
            seen = seen or (text if verdicts[check_id] != "SKIP" else "")
            if others == "first" and verdicts[check_id] == "FAIL" and check_id != mutant.killer:
                break
    return Graded(mutant, verdicts, seen)


def _in_turn(mutant: Mutant, others: Others) -> list[str]:
    """Return the ids of the checks that a mutant is tried on, the named one first."""
    if others == "none":
        return [mutant.killer]
    family = mutant.killer.rpartition("-")[0]
    ids = (check.id for check in all_checks())
    return sorted(ids, key=lambda i: (i != mutant.killer, i.rpartition("-")[0] != family))


def _profiles(mutant: Mutant, check_id: str) -> list[Profile]:
    """Return the profiles in which a check is tried on a mutant, one after the other."""
    if not mutant.killer:
        return [PROFILES["quick"]]
    return [PROFILES["quick"], PROFILES["standard"]] if check_id == mutant.killer else [_SMALL]


def _verdict(
    check: Check, found: Survey, folder: str, profiles: list[Profile]
) -> tuple[Verdict, str]:
    """Run one check on one mutant, until it finds the fault."""
    hurried = check if profiles != [_SMALL] else check._replace(timeout_s=_TIMEOUT_S)
    for profile in profiles:
        result = run_check(hurried, found, profile=profile, seed=0, folder=folder)
        if result.verdict == "FAIL":
            break
    return result.verdict, result.seen
