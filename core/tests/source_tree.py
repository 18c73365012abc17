"""The source of the package, parsed: what the tests of the house's laws read."""

from __future__ import annotations

import ast
from pathlib import Path

import zarr_backends

__all__ = ["DEFINITIONS", "PACKAGE", "SOURCES", "TREES", "FunctionNode"]

PACKAGE = "zarr_backends"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_ROOT = Path(zarr_backends.__file__).parent


def _module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(_ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {_module_name(path): path.read_text("utf-8") for path in sorted(_ROOT.rglob("*.py"))}
"""Text of every module, by its dotted name."""

TREES = {name: ast.parse(text) for name, text in SOURCES.items()}
"""Syntax tree of every module, by its dotted name."""
