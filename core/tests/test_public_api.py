"""What the package offers: pinned, sorted, documented and annotated."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise

from source_tree import DEFINITIONS, TREES, FunctionNode

import zarr_backends
from zarr_backends import contract, errors

PUBLIC = """
    CONTRACT_VERSION Array ArrayExistsError ArrayInfo ArrayNotFoundError Attributes Backend
    BackendError BackendInfo BackendTimeoutError Buffer ChunkCorruptionError ChunkIndex
    ChunkNotFoundError CodecError ConfigurationError ConflictError CorruptStorageError
    InvalidBackendError KeyValueBackend MetadataError MetadataNotFoundError NetworkError
    NotFoundError PermissionDeniedError Snapshot StorageFullError SupportsAtomicUpdate
    SupportsBatchReads SupportsBatches SupportsClose SupportsFlush SupportsKeys
    SupportsRangeReads SupportsSizes SupportsSnapshots SupportsTransactions SupportsUrls Target
    Transform UnknownBackendError ZarrBackendsError ZarrFormat backend_info contiguous_view
    copy create get_backend is_registered list_backends open register resolve unregister zarr_store
"""
"""Every name that users may rely on; a change here is a change for them."""


def exported(module: str) -> list[str] | None:
    """Return the ``__all__`` of a module, or None where it has none."""
    for node in TREES[module].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def in_order(names: Iterable[str]) -> list[str]:
    """Return names sorted: constants, then classes, then everything else."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def definitions(module: str) -> Iterator[tuple[str, ast.stmt, str | None]]:
    """Yield every exported name that a module defines, its node and its documentation.

    A class is followed by its public methods, one that users see by its fields too.
    """
    public = {n for n, value in vars(zarr_backends).items() if is_from(value, module)}
    for name, node, text in named(TREES[module].body):
        if name in MODULES[module]:
            yield name, node, text
            for member, inner, words in named(node.body if isinstance(node, ast.ClassDef) else ()):
                is_field = isinstance(inner, ast.AnnAssign) and name in public
                if member[0] != "_" and (is_field or isinstance(inner, DEFINITIONS)):
                    yield f"{name}.{member}", inner, words


def is_from(value: object, module: str) -> bool:
    """Whether a class or function was defined in a module."""
    return getattr(value, "__module__", None) == module


def named(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt, str | None]]:
    """Yield what statements define: name, node, and docstring or the string just below."""
    for node, after in pairwise([*body, ast.Pass()]):
        if isinstance(node, DEFINITIONS):
            yield node.name, node, ast.get_docstring(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield ast.unparse(target), node, below(after)


def below(node: ast.stmt) -> str | None:
    """Return the text of a statement that is nothing but a string."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return None


def is_annotated(function: FunctionNode) -> bool:
    """Whether every parameter but ``self`` and ``cls``, and the result, has a type."""
    a = function.args
    parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    typed = [p.annotation for p in parameters if p is not None and p.arg not in {"self", "cls"}]
    return all([*typed, function.returns])


MODULES = {name: names for name in TREES if (names := exported(name)) is not None}
"""Every module that says what it exports."""


def test_the_public_names_are_these() -> None:
    """The package exports exactly the pinned names, in order, and has them all."""
    assert zarr_backends.__all__ == in_order(PUBLIC.split())
    assert all(hasattr(zarr_backends, name) for name in PUBLIC.split())


def test_the_version_is_that_of_the_installed_distribution() -> None:
    """``__version__`` is not written down a second time."""
    assert zarr_backends.__version__ == version("zarr-backends")


def test_errors_and_contract_are_public_whole() -> None:
    """Whoever writes a backend finds every error and every protocol at the top."""
    assert {*errors.__all__, *contract.__all__} <= {*zarr_backends.__all__}


def test_every_module_says_what_it_exports() -> None:
    """Only empty packages have no ``__all__``."""
    silent = TREES.keys() - MODULES.keys()
    assert all(len(TREES[name].body) == 1 for name in silent), silent


def test_exports_are_sorted_and_none_is_private() -> None:
    """Every ``__all__`` is in order, holds no name twice and none with an underscore."""
    unsorted = [module for module, names in MODULES.items() if names != in_order(set(names))]
    private = [name for names in MODULES.values() for name in names if name.startswith("_")]
    assert unsorted == []
    assert private == []


def test_everything_exported_is_documented() -> None:
    """Functions, classes with their methods, constants and public fields say what they are."""
    found = [(module, *item) for module in MODULES for item in definitions(module)]
    assert [(module, name) for module, name, _, text in found if not text] == []


def test_everything_exported_is_annotated() -> None:
    """Every parameter and every result of a public function has a type."""
    found = [(module, *item) for module in MODULES for item in definitions(module)]
    functions = [(m, name, node) for m, name, node, _ in found if isinstance(node, FunctionNode)]
    assert [(module, name) for module, name, node in functions if not is_annotated(node)] == []


def test_every_module_begins_with_a_sentence() -> None:
    """A module's docstring starts with one line that ends like a sentence."""
    first = {m: (ast.get_docstring(tree) or "").partition("\n")[0] for m, tree in TREES.items()}
    assert [module for module, line in first.items() if not line.endswith((".", "?"))] == []
