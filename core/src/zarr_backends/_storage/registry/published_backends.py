"""The backends that this project publishes, and what is said about one that is not there.

The table is data, not a registry: nothing is ever loaded by it. It serves to answer an
unknown id or url scheme with the ``pip install`` that brings it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from zarr_backends.errors import UnknownBackendError

__all__ = [
    "CORE_DISTRIBUTION",
    "DISTRIBUTION_OF_BACKEND",
    "DISTRIBUTION_OF_SCHEME",
    "unknown_backend",
    "unknown_scheme",
]

CORE_DISTRIBUTION = "zarr-backends"
"""The distribution that this module is part of."""


class _Published(NamedTuple):
    """What a distribution brings."""

    backends: tuple[str, ...]
    schemes: tuple[str, ...] = ()


_PUBLISHED: Mapping[str, _Published] = {
    CORE_DISTRIBUTION: _Published(("memory", "filesystem", "zip"), ("memory", "file", "zip")),
    "zarr-backends-fsspec": _Published(
        ("fsspec",), ("sftp", "ssh", "ftp", "smb", "webdav", "webdavs", "hdfs")
    ),
    "zarr-backends-s3": _Published(("s3",), ("s3",)),
    "zarr-backends-gcs": _Published(("gcs",), ("gs", "gcs")),
    "zarr-backends-azure": _Published(("azure_blob",), ("az", "abfs", "abfss")),
    "zarr-backends-obstore": _Published(("obstore",), ("obstore+s3", "obstore+gs", "obstore+az")),
    "zarr-backends-mongodb": _Published(("mongo_gridfs",), ("mongodb", "mongodb+srv")),
    "zarr-backends-sql": _Published(("sql",), ("sqlite", "postgresql", "mysql", "mariadb")),
    "zarr-backends-shared-memory": _Published(("shared_memory",), ("shm",)),
    "zarr-backends-redis": _Published(("redis",), ("redis", "rediss")),
    "zarr-backends-http": _Published(("http",), ("http", "https")),
    "zarr-backends-wrappers": _Published(
        (
            "mock",
            "retry",
            "circuit_breaker",
            "cache",
            "tiered",
            "replicated",
            "quota",
            "latency",
            "content_addressed",
            "checksum",
            "read_only",
            "prefix_partitioned",
            "instrumented",
        )
    ),
}

DISTRIBUTION_OF_BACKEND: Mapping[str, str] = {
    backend_id: distribution
    for distribution, brings in _PUBLISHED.items()
    for backend_id in brings.backends
}
"""Backend id to the distribution that brings it."""

DISTRIBUTION_OF_SCHEME: Mapping[str, str] = {
    scheme: distribution for distribution, brings in _PUBLISHED.items() for scheme in brings.schemes
}
"""Url scheme to the distribution that brings it."""


def unknown_backend(
    name: str, installed: Collection[str], faults: Iterable[str] = ()
) -> UnknownBackendError:
    """Return the error about an id that is not installed.

    Args:
        name: What was asked for.
        installed: Ids that are there.
        faults: Sentences about distributions that could not be read.
    """
    distribution, _, backend_id = name.rpartition(":")
    if "://" in name:
        # Quoted no further than its scheme, as a password may follow.
        name = name.partition("://")[0]
        hint = "; a url is given as the first argument, not as storage="
    elif backend_id in installed:
        hint = f"; {backend_id!r} is, but not from a distribution {distribution!r:.80}"
    elif backend_id in DISTRIBUTION_OF_BACKEND:
        hint = _remedy(DISTRIBUTION_OF_BACKEND[backend_id])
    else:
        hint = _guess(backend_id, DISTRIBUTION_OF_BACKEND, installed)
    return _error(f"no backend {name!r:.80} is installed{hint}", installed, faults)


def unknown_scheme(
    scheme: str, installed: Collection[str], faults: Iterable[str] = ()
) -> UnknownBackendError:
    """Return the error about a url scheme that no installed backend serves.

    Args:
        scheme: The scheme of the url, in lower case.
        installed: Schemes that are served.
        faults: Sentences about distributions that could not be read.
    """
    # The registry takes "postgresql+psycopg" for "postgresql" too.
    known = scheme if scheme in DISTRIBUTION_OF_SCHEME else scheme.partition("+")[0]
    if known in DISTRIBUTION_OF_SCHEME:
        hint = _remedy(DISTRIBUTION_OF_SCHEME[known])
    else:
        hint = _guess(scheme, DISTRIBUTION_OF_SCHEME, installed)
    subject = f"no installed backend serves urls of the scheme {scheme!r:.80}{hint}"
    return _error(subject, installed, faults)


def _error(subject: str, installed: Collection[str], faults: Iterable[str]) -> UnknownBackendError:
    """Return the error that says so, and what is there."""
    there = f"Installed are: {', '.join(sorted(installed)) or 'none'}"
    stop = "" if subject.endswith("?") else "."
    return UnknownBackendError("; ".join([f"{subject}{stop} {there}", *faults]))


def _remedy(distribution: str) -> str:
    """Say how to get a distribution."""
    if distribution == CORE_DISTRIBUTION:
        return (
            f"; it belongs to {distribution}, which is on sys.path without being installed: "
            f"pip install {distribution}, or pip install -e the folder of its sources"
        )
    return f"; it comes with: pip install {distribution}"


def _guess(word: str, published: Mapping[str, str], installed: Collection[str]) -> str:
    """Ask whether a name that looks like `word` was meant, if there is any."""
    # Imported here because only a mistake needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    texts = [
        repr(name) if name in installed else f"{name!r} (pip install {published[name]})"
        for name in get_close_matches(word, {*installed, *published})
    ]
    return f", did you mean {' or '.join(texts)}?" if texts else ""
