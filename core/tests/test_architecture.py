"""The law of the house, read from the source: who may import whom, and how long things get.

Imports inside functions and under TYPE_CHECKING count like all others.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from source_tree import DEFINITIONS, PACKAGE, SOURCES, TREES, FunctionNode

PROJECT = Path(__file__).parents[1] / "pyproject.toml"

SHELVES = {
    "errors": (),
    "contract": ("errors",),
    "_storage": ("contract", "errors"),
    "_format": ("contract", "errors"),
    "_engine": ("contract", "errors", "_storage", "_format"),
    "surface": ("contract", "errors", "_storage", "_format", "_engine"),
}
"""Each shelf, and the others that it may import."""

EXCEPTIONS = {
    (f"{PACKAGE}._storage.keyvalue.{module}", f"{PACKAGE}._format.chunks.keys")
    for module in ("array_keys", "backend")
}
"""The one bridge from storage to format: keys are named as the specification names them."""

INPUT_OUTPUT = {
    *("asyncio", "fcntl", "http", "io", "mmap", "multiprocessing", "os", "pathlib", "select"),
    *("shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib", "zipfile"),
}
"""Modules of the standard library that reach outside the process."""

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_NESTING = 3

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def imports(module: str) -> set[str]:
    """Return the modules that a module imports anywhere in its text."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in TREES else str(node.module) for name in names}
    return found


def own_imports(module: str) -> set[str]:
    """Return the modules of this package that a module imports."""
    return {name for name in imports(module) if name.partition(".")[0] == PACKAGE}


def foreign_imports(module: str) -> set[str]:
    """Return the top-level names of what a module imports from elsewhere."""
    tops = {name.partition(".")[0] for name in imports(module)}
    return tops - {PACKAGE} - sys.stdlib_module_names


def shelf(module: str) -> str:
    """Return the shelf on which a module stands."""
    part = f"{module}.".split(".")[1]
    return part if part in SHELVES else "surface"


def functions(module: str) -> Iterator[FunctionNode]:
    """Yield every function of a module."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, FunctionNode):
            yield node


def code_lines(function: FunctionNode) -> int:
    """Return how many lines of a function hold code: no docstring, no comment, no blank."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    tokens = (node for statement in body for node in ast.walk(statement))
    return len({node.lineno for node in tokens if hasattr(node, "lineno")}) + 1


def nesting(node: ast.AST) -> int:
    """Return how deep blocks stand in blocks; ``elif`` goes no deeper."""
    depths = [0]
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and child in node.orelse and isinstance(child, ast.If)
        is_block = isinstance(child, BLOCKS) and not is_elif
        if not isinstance(child, DEFINITIONS):
            depths.append(nesting(child) + is_block)
    return max(depths)


def strays(module: str) -> set[str]:
    """Return the modules of ours that a module may not import and does."""
    allowed = {shelf(module), *SHELVES[shelf(module)]}
    wrong = {name for name in own_imports(module) if shelf(name) not in allowed}
    return {name for name in wrong if (module, name) not in EXCEPTIONS}


def outside(module: str) -> set[str]:
    """Return what a module imports or calls that reaches outside the process."""
    calls = [node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    imported = {name.partition(".")[0] for name in imports(module)}
    return (called & {"open", "print", "input"}) | (imported & INPUT_OUTPUT)


def test_modules_import_only_from_the_shelves_that_theirs_may_use() -> None:
    """Storage and format know nothing of each other, and none of the engine or the surface."""
    assert {module: wrong for module in TREES if (wrong := strays(module))} == {}


def test_no_modules_import_each_other() -> None:
    """The imports form no cycle (a cycle raises, and its error names the modules)."""
    graph = {module: own_imports(module) for module in TREES}
    assert {*TopologicalSorter(graph).static_order()} == {*TREES}


def test_the_format_does_no_input_or_output() -> None:
    """A module of the format imports nothing that reaches out, and opens and prints nothing."""
    modules = [name for name in TREES if shelf(name) == "_format"]
    assert modules
    assert {module: wrong for module in modules if (wrong := outside(module))} == {}


def test_only_the_store_adapter_imports_zarr() -> None:
    """zarr-python is needed by `zarr_store` and by nothing else."""
    users = [module for module in TREES if "zarr" in foreign_imports(module)]
    assert users
    assert [m for m in users if not m.startswith(f"{PACKAGE}._storage.zarr_store")] == []


def test_the_core_imports_nothing_that_it_does_not_depend_on() -> None:
    """What is imported without an extra is among the four dependencies, and all are used."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    required = {name.partition(">=")[0].replace("-", "_") for name in project["dependencies"]}
    assert required == {"google_crc32c", "importlib_metadata", "numpy", "zstandard"}
    extras = {"click", "numcodecs", "rich", "zarr"}
    assert set().union(*map(foreign_imports, TREES)) - extras == required


def test_a_module_fits_in_the_head() -> None:
    """No module is longer than 400 lines."""
    lengths = {module: len(text.splitlines()) for module, text in SOURCES.items()}
    assert {name: n for name, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_a_function_fits_on_a_screen() -> None:
    """No function has more than 40 lines of code, or blocks nested more than three deep."""
    found = [(module, function) for module in TREES for function in functions(module)]
    assert [(m, f.name) for m, f in found if code_lines(f) > MAX_FUNCTION_LINES] == []
    assert [(m, f.name) for m, f in found if nesting(f) > MAX_NESTING] == []
