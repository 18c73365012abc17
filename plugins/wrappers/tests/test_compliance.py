"""The whole contract, for every wrapper over memory and over files.

Two of them take the whole quick profile in every run, all others over memory what takes
seconds. With ``ZARR_BACKENDS_LONG=1`` everything is run for all of them;
``--zarr-backends-profile standard`` makes it thorough.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from zarr_backends_compliance import BackendCompliance
from zarr_backends_compliance._kernel.check import all_checks

_EXTRA: dict[str, dict[str, Any]] = {
    "cache": {"validate": True},
    "checksum": {},
    "circuit_breaker": {},
    "content_addressed": {},
    "instrumented": {},
    "latency": {"latency_s": 0.0},
    "mock": {},
    "prefix_partitioned": {},
    "quota": {},
    "read_only": {"enabled": False},
    "replicated": {},
    "retry": {},
    "tiered": {},
}
"""Options beside ``inner``: faults and delays are off, and reads see what others write."""

_IS_LONG = bool(os.environ.get("ZARR_BACKENDS_LONG"))

_NAMES = {"replicated": ("near", "far"), "tiered": ("hot", "warm", "cold")}

_ALWAYS = {("retry", "memory"), ("cache", "memory")}
"""What takes the whole profile in every run."""

_FAMILIES = [
    "BATCH",
    "CAP",
    "CLASS",
    "DEL",
    "ERR",
    "INDEX",
    "LIST",
    "META",
    "OPEN",
    "RANGE",
    "READ",
    "SIZE",
    "SNAP",
    "UPD",
    "WRITE",
]
"""Checks that take seconds together."""


class Over(BackendCompliance):
    """A wrapper over backends of one kind."""

    kind: ClassVar[str]
    is_whole: ClassVar[bool]

    @pytest.fixture
    def options(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        """Return the options of a wrapper whose inner places are of one kind."""
        folder = tmp_path_factory.getbasetemp() / f"{self.storage}"
        places = [self._place(folder, name) for name in _NAMES.get(self.storage, ("only",))]
        named = dict(zip(_NAMES.get(self.storage, ("only",)), places, strict=True))
        return {"inner": named.get("only", named), **_EXTRA[self.storage]}

    def _place(self, folder: Path, name: str) -> dict[str, str]:
        if self.kind == "memory":
            return {"storage": "memory", "name": f"{self.storage}-{name}", "prefix": "{name}"}
        return {"storage": "filesystem", "path": f"{folder}-{name}/{{name}}"}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each check, or of each that takes seconds."""
        if type(self).is_whole or _IS_LONG:
            super().pytest_generate_tests(metafunc)
        elif "zarr_backends_check" in metafunc.fixturenames:
            checks = [check for check in all_checks() if check.id.split("-")[1] in _FAMILIES]
            metafunc.parametrize("zarr_backends_check", checks, ids=[c.id for c in checks])


def suite_of(storage: str, kind: str) -> type[Over]:
    """Return the class of tests of a wrapper over backends of a kind."""
    name = "".join(word.title() for word in [*storage.split("_"), "Over", kind])
    is_whole = (storage, kind) in _ALWAYS
    members = {"storage": storage, "kind": kind, "is_whole": is_whole, "__module__": __name__}
    return type(f"Test{name}", (Over,), members)


for _kind in ("memory", "filesystem") if _IS_LONG else ("memory",):
    for _storage in _EXTRA:
        _suite = suite_of(_storage, _kind)
        globals()[_suite.__name__] = _suite
