"""What a check is: a sentence of the contract, and a function that fails where it is broken.

The function is written as an author of a backend would write it, since its body is what a
failure shows: the least program that shows the fault. It takes a `Trial`, from which it gets
backends at fresh places, and says what it saw through `violated` and the functions of
`expect`. It stands at the top of its module, so that another process can run it.
"""

from __future__ import annotations

import dis
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple, TypeAlias, cast

from zarr_backends_compliance import _checks
from zarr_backends_compliance._kernel.profiles import Level
from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["Check", "all_checks", "check", "program_of"]

Body: TypeAlias = Callable[[Trial], None]

_ID = re.compile(r"ZB-[A-Z]+-\d\d")

_found: dict[str, Check] = {}


class Check(NamedTuple):
    """One check."""

    id: str
    """Stable name, such as ``ZB-READ-03``. It is never given to another check."""
    clause: str
    """Sentence of the contract that is checked."""
    hint: str
    """What an author whose backend fails should look at."""
    needs: tuple[str, ...]
    """Capabilities, and things around the backend, without which the check says nothing."""
    level: Level
    """First profile that has it."""
    timeout_s: float
    """Seconds after which it counts as hanging."""
    body: Body
    """Runs it."""

    @property
    def title(self) -> str:
        """The name of the function as words."""
        return str(self.body.__name__).replace("_", " ")


def check(  # noqa: PLR0913  # the fields of a check
    check_id: str,
    clause: str,
    *,
    hint: str,
    needs: tuple[str, ...] = (),
    level: Level = "quick",
    timeout_s: float = 60.0,
) -> Callable[[Body], Body]:
    """Declare a function as a check; see `Check` for the arguments.

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        ValueError: The id is no id, or is taken.
    """
    if not _ID.fullmatch(check_id) or check_id in _found:
        message = f"{check_id!r} is taken, or is not like ZB-READ-03"
        raise ValueError(message)

    def declare(body: Body) -> Body:
        _found[check_id] = Check(check_id, clause, hint, needs, level, timeout_s, body)
        return body

    return declare


def all_checks() -> tuple[Check, ...]:
    """Return every check, sorted by id."""
    for module in pkgutil.iter_modules(_checks.__path__, f"{_checks.__name__}."):
        importlib.import_module(module.name)
    return tuple(_found[check_id] for check_id in sorted(_found))


def program_of(found: Check, *, target: str, options: str) -> str:
    """Return a program that does what a check does, to be run as it stands.

    Args:
        found: The check.
        target: What `zarr_backends_compliance.trial` is given as the backend.
        options: Its options, as they are written in a call.
    """
    function = cast("FunctionType", found.body)
    imports = {"from zarr_backends_compliance import trial"}
    for name in _names_in(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            given = "" if value.__name__ == name else f" as {name}"
            imports.add(f"import {value.__name__}{given}")
        elif value is not None:
            imports.add(f"from {_public_module(value, function, name)} import {name}")
    arguments = f"{target!r}, {options}" if options else repr(target)
    body = textwrap.indent(_source_of(found.body), "    ")
    return "\n".join([*sorted(imports), "", f"with trial({arguments}) as t:", body])


def _names_in(code: CodeType) -> Iterator[str]:
    """Yield the global names that a function and those inside it mention."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _source_of(body: Body) -> str:
    """Return the statements of a function, without its docstring."""
    lines = textwrap.dedent(inspect.getsource(body)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    text = textwrap.dedent("\n".join(lines[start + 1 :]))
    return re.sub(r'\A"""(?:.|\n)*?"""\n', "", text).rstrip()


def _public_module(value: object, function: FunctionType, name: str) -> str:
    """Return where a name is imported from: its package where that offers it."""
    module = getattr(value, "__module__", None) or function.__module__
    package = module.partition(".")[0]
    return package if hasattr(importlib.import_module(package), name) else module
