"""What zarr-python tests stores with, run on a backend: its test suite, its state machines.

The suite is pytest's business, and the kit may itself be running inside pytest. It runs in a
process of its own, with no plugin but the one that it needs and no configuration. The state
machines are hypothesis's; they run in place, from a fixed seed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from typing import Any

from zarr_backends import SupportsKeys, ZarrBackendsError, zarr_store
from zarr_backends_compliance._kernel.expect import shown
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import EnvironmentFailure, Violation, violated

__all__ = ["hierarchies_develop", "keys_develop", "run_store_suite"]

_STEPS = 30
"""Operations of one sequence of a state machine."""


# --- The test suite ---------------------------------------------------------------------


def run_store_suite(t: Trial) -> None:
    """Run zarr-python's `StoreTests` on a place of a trial; fail on what fails in it."""
    t.options("suite")  # so that the trial clears what the other process wrote
    passed, failed, output = t.child(_suite_results, timeout_s=120.0)
    if failed:
        name, message = failed[0]
        more = f" ({len(failed)} of {len(failed) + passed} tests fail)"
        violated(f"{name}: {message}{more}")
    if not passed:
        message = f"pytest ran none of zarr-python's StoreTests: {output[-400:]}"
        raise EnvironmentFailure(message)


def _suite_results(t: Trial) -> tuple[int, list[tuple[str, str]], str]:
    """Run the suite; return how many tests passed, name and message of the others, output."""
    import pytest  # noqa: PLC0415  # other checks do without, and it takes long to import

    from zarr_backends_compliance._tools import store_suite  # noqa: PLC0415  # the same

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    results = store_suite.SuitePlugin(t)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        pytest.main(
            [
                *("-c", os.devnull, "--rootdir", t.folder, "-q", "-p", "no:cacheprovider"),
                *(
                    "-p",
                    "pytest_asyncio.plugin",
                    "-o",
                    "asyncio_mode=auto",
                    "-p",
                    "no:faulthandler",
                ),
                *(
                    "-o",
                    "asyncio_default_fixture_loop_scope=function",
                    "-p",
                    "no:unraisableexception",
                ),
                *("-p", "no:threadexception", "-W", "ignore", "--import-mode", "importlib"),
                str(store_suite.__file__),
            ],
            plugins=[results],
        )
    return results.passed, results.failed, output.getvalue()


# --- The state machines -----------------------------------------------------------------


def keys_develop(t: Trial) -> None:
    """Run zarr-python's machine of keys against a dict."""
    from zarr.testing.stateful import ZarrStoreStateMachine  # noqa: PLC0415  # heavy

    machine = _tree_machine() if _is_tree(t.create("tree")) else ZarrStoreStateMachine
    _run(machine, t.create("keys"), 3 * t.profile.examples)


def hierarchies_develop(t: Trial) -> None:
    """Run zarr-python's machine of nodes against its own memory store."""
    import zarr  # noqa: PLC0415  # heavy
    from zarr.testing.stateful import ZarrHierarchyStateMachine  # noqa: PLC0415

    with zarr.config.set(_CONFIG):
        _run(ZarrHierarchyStateMachine, t.create("nodes"), max(3, t.profile.examples // 2))


_CONFIG = {"array.rectilinear_chunks": True}
"""Later versions of zarr-python draw such grids, and refuse them unless this is set."""


def _is_tree(backend: SupportsKeys) -> bool:
    """Whether no key may be the folder of another, as in a file system."""
    backend.set("a", b"x")
    try:
        backend.set("a/b", b"x")
    except ZarrBackendsError:
        return True
    finally:
        _clear(backend)
    return False


def _clear(backend: SupportsKeys) -> None:
    """Delete every key, one by one."""
    for key in list(backend.list_keys()):
        backend.delete(key)


def _tree_machine() -> type[Any]:
    """Return the machine of keys for stores in which no key is the folder of another."""
    from hypothesis import assume  # noqa: PLC0415  # heavy
    from hypothesis import strategies as st  # noqa: PLC0415
    from hypothesis.stateful import rule  # noqa: PLC0415
    from zarr.testing.stateful import ZarrStoreStateMachine  # noqa: PLC0415
    from zarr.testing.strategies import keys  # noqa: PLC0415

    class TreeMachine(ZarrStoreStateMachine):
        """Sets keys where a tree can have them."""

        @rule(key=keys(), data=st.binary(max_size=100))
        def set(self, key: str, data: bytes) -> None:
            """Set a value, unless its key is a folder, or below another key."""
            for old in self.model:
                assume(old == key or not f"{old}/".startswith(f"{key}/"))
                assume(old == key or not f"{key}/".startswith(f"{old}/"))
            super().set(key, data)

    return TreeMachine


def _run(machine: Any, backend: Any, examples: int) -> None:
    """Let hypothesis search; fail with the shortest sequence that it finds."""
    from hypothesis import HealthCheck, Phase, settings  # noqa: PLC0415  # heavy
    from hypothesis.reporting import with_reporter  # noqa: PLC0415
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

    bounds = settings(
        deadline=None,
        max_examples=examples,
        stateful_step_count=_STEPS,
        database=None,
        derandomize=True,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

    def begun() -> Any:
        _clear(backend)  # what a faulty run left behind must not spoil the next one
        return machine(store)

    with zarr_store(backend) as store, warnings.catch_warnings(), with_reporter(_unheard):
        warnings.simplefilter("ignore")
        try:
            run_state_machine_as_test(begun, settings=bounds)  # type: ignore[arg-type]  # any factory
        except Violation:
            raise
        except Exception as error:
            raise Violation(_story_of(error)) from error


def _unheard(text: object) -> None:
    """Print nothing; what is to be said is in the finding."""


def _story_of(error: Exception) -> str:
    """Return what a state machine found: the error, and the steps that lead to it."""
    notes = "\n".join(getattr(error, "__notes__", []))
    steps = re.findall(r"^\s*(?:state|v\d+ = state)\.\w+\(.*$", notes, re.MULTILINE)
    told = [step.strip()[:120] for step in steps if not re.search("teardown|check_", step)]
    last = "; ".join(told[-6:])
    text = shown(str(error)) if str(error) else "what it holds is wrong"
    return f"{type(error).__name__}: {text} after {last or notes[-300:]}"
