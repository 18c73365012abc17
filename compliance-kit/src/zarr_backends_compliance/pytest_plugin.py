"""Registers the options of the kit with pytest; imports nothing else until it is asked.

Pytest loads this module wherever the kit is installed, in projects too that have nothing to
do with it.
"""

from __future__ import annotations

import pytest

__all__ = [
    "chosen_backend",
    "given_options",
    "pytest_addoption",
    "pytest_configure",
    "pytest_load_initial_conftests",
]

_GIVEN = pytest.StashKey[dict[str, str]]()
"""Options of the backend that follow pytest's own ``-o``."""

_chosen: list[str] = []
"""The backend that the command line of the present run names."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("zarr-backends", "compliance of storage backends")
    group.addoption(
        "--zarr-backend",
        metavar="BACKEND",
        help="id, url or module:Class that `pytest --pyargs zarr_backends_compliance` checks",
    )
    group.addoption(
        "--zarr-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of that backend; env:VARIABLE as its value reads a variable",
    )
    group.addoption(
        "--zarr-backends-profile",
        choices=("quick", "standard", "soak"),
        help="how thorough compliance tests are, whatever their classes say",
    )
    group.addoption(
        "--zarr-backends-seed", type=int, default=0, help="of everything random in them"
    )
    group.addoption("--zarr-deviations", metavar="FILE", help="declared deviations (TOML or JSON)")


def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> None:
    """Take options of the backend out of what follows ``-o``, which is pytest's own.

    Only what pytest and its other plugins do not know as a setting, and only where a
    backend is named at all.
    """
    given = early_config.stash[_GIVEN] = {}
    known = early_config.known_args_namespace
    for text in (known.override_ini or ()) if known.zarr_backend else ():
        name, _, value = text.partition("=")
        try:
            early_config.getini(name)
        except (KeyError, ValueError):
            # Once it is known, pytest does not warn about it.
            parser.addini(name, f"option of the backend {known.zarr_backend}")
            given[name] = value


def pytest_configure(config: pytest.Config) -> None:
    """Remember the backend, if one is named."""
    name = config.getoption("zarr_backend")
    _chosen[:] = [name] if name else []


def chosen_backend() -> str | None:
    """Return the backend that the command line names, None where it names none."""
    return _chosen[0] if _chosen else None


def given_options(config: pytest.Config) -> dict[str, str]:
    """Return the options of the backend that the command line names.

    These are ``--zarr-option NAME=VALUE`` and, of what follows pytest's own ``-o``, that
    which is no setting of pytest.

    Args:
        config: Configuration of the run.
    """
    pairs = [text.partition("=") for text in config.getoption("zarr_option")]
    after_o: dict[str, str] = config.stash.get(_GIVEN, {})
    return {**after_o, **{name: value for name, _, value in pairs}}
