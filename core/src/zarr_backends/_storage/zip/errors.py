"""The boundary where errors of the operating system become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zarr_backends._storage.files.os_errors import translated
from zarr_backends.errors import ConfigurationError, ZarrBackendsError

__all__ = ["zip_errors"]


@contextmanager
def zip_errors(path: str, key: str) -> Iterator[None]:
    """Translate what the system raises while an archive is read or written.

    Args:
        path: The archive.
        key: Key concerned, "" for all.

    Yields:
        Nothing.

    Raises:
        ZarrBackendsError: One of ours passes, one of the system is translated.
        ConfigurationError: `path` is that of a folder, or goes through a file.
    """
    try:
        yield
    except ZarrBackendsError:
        raise
    except (IsADirectoryError, NotADirectoryError) as error:
        message = f"{path!r} is a folder or goes through a file; give the path of an archive"
        raise ConfigurationError(message, backend="zip", option="path") from error
    except OSError as error:
        ours = translated(error, backend="zip", key=key)
        raise ours from error
