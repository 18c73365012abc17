"""The checks as tests of a plugin.

>>> class TestCompliance(BackendCompliance):
...     storage = "s3"
...
...     @pytest.fixture
...     def options(self, s3):
...         return {"endpoint_url": s3.url, "name": "bucket", **s3.options}

Every check becomes a test. What a backend cannot do is skipped, with what is missing;
what it is declared to do otherwise is an expected failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, NoReturn

import pytest

from zarr_backends import Backend
from zarr_backends_compliance._kernel.check import Check, all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES, Profile
from zarr_backends_compliance._kernel.runner import Result, Survey, run_check, survey
from zarr_backends_compliance._session.deviations import Deviation, judged, read_deviations
from zarr_backends_compliance._session.explanation import explanation
from zarr_backends_compliance._session.given_options import GivenOptions, find_given_target
from zarr_backends_compliance._session.request import Request
from zarr_backends_compliance._session.run import workspace

__all__ = ["BackendCompliance", "profile_of"]

_surveys: dict[type, Survey] = {}
"""What is known of the backend of a class of tests, found out by its first test."""


class BackendCompliance:
    """Subclass it, name the backend, and give its options."""

    storage: ClassVar[str | type[Backend]] = ""
    """The backend: its id, ``module:Class``, or the class itself, which stands at the top of
    a module that other processes can import."""

    profile: ClassVar[str] = "quick"
    """How thorough: ``quick``, ``standard`` or ``soak``. The command line can overrule it
    with ``--zarr-backends-profile``."""

    deviations: ClassVar[str | None] = None
    """File of declared deviations, TOML or JSON."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Return the options of the backend, fresh for every test.

        ``{name}`` in one of them stands for the names of places, which the kit makes.
        Otherwise the option that names the place of an array is extended by the name, and a
        backend that keeps files and is given no path gets a temporary folder.
        """
        return {}

    @pytest.fixture
    def zarr_backends_request(
        self, request: pytest.FixtureRequest, options: Mapping[str, Any]
    ) -> Request:
        """Return what is to be run, on which backend."""
        name = _target_name(self.storage)
        return Request(
            name,
            GivenOptions(options, name),
            all_checks(),
            profile_of(request.config, type(self)),
            request.config.getoption("zarr_backends_seed", 0),
            _declared(self.deviations or request.config.getoption("zarr_deviations", None)),
        )

    @pytest.fixture
    def zarr_backends_survey(self, zarr_backends_request: Request) -> Iterator[tuple[Survey, str]]:
        """Give the backend with its capabilities, and a folder for the kit's own files.

        Yields:
            Both. An environment that fails here is an error, and no failure of the backend.
        """
        with workspace() as folder:
            wanted = zarr_backends_request
            target = find_given_target(wanted.target, wanted.options, folder)
            if type(self) not in _surveys:
                _surveys[type(self)] = survey(target, folder=folder)
            yield _surveys[type(self)]._replace(target=target), folder

    def test_backend(
        self,
        zarr_backends_check: Check,
        zarr_backends_request: Request,
        zarr_backends_survey: tuple[Survey, str],
        request: pytest.FixtureRequest,
    ) -> None:
        """The backend does what one sentence of the contract says."""
        found, folder = zarr_backends_survey
        wanted = zarr_backends_request
        result = run_check(
            zarr_backends_check, found, profile=wanted.profile, seed=wanted.seed, folder=folder
        )
        result = result._replace(seen=wanted.options.hidden(result.seen))
        result = judged(result, wanted.deviations)
        if result.verdict != "PASS":
            _report(result, wanted, found, request.node.nodeid)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every check that the profile includes."""
        if "zarr_backends_check" in metafunc.fixturenames:
            profile = profile_of(metafunc.config, type(self))
            checks = [check for check in all_checks() if profile.includes(check.level)]
            ids = [f"{check.id}-{check.title}" for check in checks]
            metafunc.parametrize("zarr_backends_check", checks, ids=ids)


def _report(result: Result, wanted: Request, found: Survey, nodeid: str) -> NoReturn:
    """Tell pytest what came of a check that did not pass."""
    if result.verdict == "SKIP":
        pytest.skip(f"the backend has not got {result.seen}")
    if result.verdict == "DEVIATION":
        deviation = wanted.deviations[result.check.id]
        pytest.xfail(f"{deviation.reason} ({deviation.link})")
    program = wanted.program(result.check, found.target)
    pytest.fail(explanation(result, command=f"pytest '{nodeid}'", program=program), pytrace=False)


def profile_of(config: pytest.Config, suite: type[BackendCompliance]) -> Profile:
    """Return the profile that the command line names, or else the class.

    Args:
        config: Configuration of the run.
        suite: A class of tests.

    Raises:
        UsageError: There is no such profile.
    """
    name = config.getoption("zarr_backends_profile", None) or suite.profile
    if name not in PROFILES:
        message = f"{suite.__name__}.profile is {name!r}; there are {', '.join(PROFILES)}"
        raise pytest.UsageError(message)
    return PROFILES[name]


def _target_name(storage: str | type[Backend]) -> str:
    """Return what names a backend in other processes too."""
    if isinstance(storage, str):
        return storage
    if "." in storage.__qualname__:
        message = f"{storage.__qualname__} must stand at the top of its module"
        raise pytest.UsageError(message)
    return f"{storage.__module__}:{storage.__qualname__}"


@cache
def _declared(path: str | None) -> Mapping[str, Deviation]:
    """Return the deviations of a file, read once."""
    return read_deviations(path, {check.id for check in all_checks()}) if path else {}
