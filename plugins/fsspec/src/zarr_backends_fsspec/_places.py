"""From a url to a file system: which client serves its scheme, and the path in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import fsspec  # type: ignore[import-untyped]  # has no types

from zarr_backends import ConfigurationError
from zarr_backends_fsspec._files import AsyncFiles, Files
from zarr_backends_fsspec._options import redacted_url
from zarr_backends_fsspec._threaded import SyncFiles

__all__ = ["Place", "place_of"]

_BACKEND = "fsspec"

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)

_SERVER = re.compile(
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[^\]]*\]|[^:/@]*)(?::(?P<port>\d+))?(?P<path>(?:/.*)?)",
    re.DOTALL,
)

_CACHES = frozenset({"blockcache", "cached", "filecache", "simplecache"})
"""File systems that serve what they have read once, for ever."""

_RENAMES = frozenset({"file", "local"})
"""File systems whose move replaces in one step."""

_FORBIDDEN = {"ftp": "\r\n", "webdav": "?#;", "webdavs": "?#;"}
"""Characters that end a command of FTP; or after which servers of WebDAV cut the destination
of a move, escaped or not."""

_UNCACHED = {"skip_instance_cache": True, "use_listings_cache": False}
"""Arguments that keep fsspec from serving what it remembers."""


class Place(NamedTuple):
    """A folder of a file system."""

    scheme: str
    server: str
    """What the url says beside the path; with a password, so it is not shown."""
    root: str
    """Path of the folder, without a slash at the end."""
    shown: str
    """The url as messages show it."""
    make_files: Callable[[], Files]
    forbidden: str = ""
    """Characters that no path can have."""


class _Server(NamedTuple):
    """What a url says about a server."""

    user: str | None
    password: str | None
    host: str
    port: int | None
    path: str


def place_of(url: str, options: Mapping[str, Any], *, timeout_s: float) -> Place:
    """Return the place that a url means.

    Args:
        url: Such as ``sftp://user@host/folder``. The path is taken as it is: nothing in it
            is decoded.
        options: Arguments of the file system; they win over what the url says.
        timeout_s: Handed to clients that have a time-out of their own, so that what is left
            behind at our deadline ends soon.

    Raises:
        ConfigurationError: It is no url, or fsspec knows no such file system.
    """
    match = _URL.fullmatch(url)
    if match is None:
        message = f"{redacted_url(url)!r:.80} is no url; write it as scheme://..."
        raise ConfigurationError(message, backend=_BACKEND, option="url")
    scheme, rest = match["scheme"].lower(), match["rest"]
    shown = redacted_url(url)
    if scheme in _CACHES or "::" in rest.partition("/")[0]:
        message = f"{shown!r:.80}: caches and chained urls are not served; give the plain url"
        raise ConfigurationError(message, backend=_BACKEND, option="url")
    special = _SPECIAL.get(scheme)
    if special is None:
        return _any_place(scheme, url, shown, dict(options))
    server = _server_of(rest, shown)
    path = _checked_path(server.path, shown)
    secret = repr(server[:4])
    make = special(server, dict(options), scheme, timeout_s)
    forbidden = _FORBIDDEN.get(scheme, "")
    if not set(forbidden).isdisjoint(path):
        message = f"{shown!r:.80}: the path has one of {sorted(forbidden)} in it"
        raise ConfigurationError(message, backend=_BACKEND, option="url")
    return Place(scheme, secret, path, shown, make, forbidden)


def _any_place(scheme: str, url: str, shown: str, options: dict[str, Any]) -> Place:
    """Return a place of a file system of which only fsspec's methods are used.

    Raises:
        ConfigurationError: There is none, or it cannot be imported.
    """
    try:
        cls = fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        message = f"fsspec has no file system for {shown!r:.80}: {error!s:.200}"
        raise ConfigurationError(message, backend=_BACKEND, option="url") from error
    arguments = {**cls._get_kwargs_from_urls(url), **_UNCACHED, **options}
    root = str(cls._strip_protocol(url)).rstrip("/")
    _checked_path(root.partition("://")[2] or root, shown)

    def make() -> Any:
        return cls(**arguments)

    server = repr(sorted((k, v) for k, v in arguments.items() if k not in options))
    if getattr(cls, "async_impl", False):
        return Place(scheme, server, root, shown, lambda: AsyncFiles(make))
    renames = scheme in _RENAMES
    return Place(scheme, server, root, shown, lambda: SyncFiles(make, renames=renames))


def _server_of(rest: str, shown: str) -> _Server:
    """Return the parts of a url after its scheme.

    Raises:
        ConfigurationError: It has no such parts.
    """
    match = _SERVER.fullmatch(rest)
    if match is None:
        message = f"{shown!r:.80} is not of the form scheme://user@host:port/folder"
        raise ConfigurationError(message, backend=_BACKEND, option="url")
    user, password, host, port, path = match.groups()
    return _Server(
        unquote(user) if user else None,
        unquote(password) if password is not None else None,
        host.strip("[]"),
        int(port) if port else None,
        path,
    )


def _checked_path(path: str, shown: str) -> str:
    """Return a path without slashes at its end.

    Raises:
        ConfigurationError: It leads up, or has empty parts.
    """
    bare = path.rstrip("/")
    if any(part in (".", "..") for part in bare.split("/")) or "//" in bare:
        message = f"{shown!r:.80}: the path has '.', '..' or an empty part; name the folder itself"
        raise ConfigurationError(message, backend=_BACKEND, option="url")
    return bare


def _needs(extra: str, error: ImportError) -> ConfigurationError:
    """Return the error that says what to install."""
    message = f"{error!s:.100}: pip install 'zarr-backends-fsspec[{extra}]'"
    return ConfigurationError(message, backend=_BACKEND, option="url")


def _sftp(
    server: _Server, options: dict[str, Any], _: str, timeout_s: float
) -> Callable[[], Files]:
    """Return what makes the files of an SFTP server.

    Raises:
        ConfigurationError: sshfs is not installed.
    """
    try:
        from sshfs import SSHFileSystem  # type: ignore[import-untyped]  # noqa: PLC0415

        from zarr_backends_fsspec._sftp import SftpFiles  # noqa: PLC0415  # the same
    except ImportError as error:
        failure = _needs("sftp", error)
        raise failure from error
    arguments = {
        **_named(username=server.user, password=server.password, port=server.port),
        # sshfs would trust any server; asyncssh's own default is ~/.ssh/known_hosts.
        "known_hosts": (),
        "connect_timeout": timeout_s,
        "skip_instance_cache": True,
        **options,
    }
    host = arguments.pop("host", server.host)
    return lambda: SftpFiles(lambda: SSHFileSystem(host, **arguments))


def _ftp(server: _Server, options: dict[str, Any], _: str, timeout_s: float) -> Callable[[], Files]:
    """Return what makes the files of an FTP server."""
    from fsspec.implementations.ftp import (  # type: ignore[import-untyped]  # noqa: PLC0415
        FTPFileSystem,
    )

    from zarr_backends_fsspec._ftp import FtpFiles  # noqa: PLC0415  # the same

    arguments = {
        "host": server.host,
        **_named(username=server.user, password=server.password, port=server.port),
        "timeout": timeout_s,
        **_UNCACHED,
        **options,
    }
    return lambda: FtpFiles(lambda: FTPFileSystem(**arguments))


def _webdav(
    server: _Server, options: dict[str, Any], scheme: str, timeout_s: float
) -> Callable[[], Files]:
    """Return what makes the files of a WebDAV server.

    Raises:
        ConfigurationError: webdav4 is not installed.
    """
    try:
        from webdav4.fsspec import (  # type: ignore[import-untyped]  # noqa: PLC0415
            WebdavFileSystem,
        )

        from zarr_backends_fsspec._webdav import WebdavFiles  # noqa: PLC0415  # the same
    except ImportError as error:
        failure = _needs("webdav", error)
        raise failure from error
    host = f"[{server.host}]" if ":" in server.host else server.host
    port = f":{server.port}" if server.port else ""
    arguments = {
        "base_url": f"{'https' if scheme == 'webdavs' else 'http'}://{host}{port}",
        "timeout": timeout_s,
        "retry": False,
        "skip_instance_cache": True,
        **options,
    }
    username = arguments.pop("username", server.user)
    password = arguments.pop("password", server.password)
    if username is not None:
        arguments.setdefault("auth", (username, password or ""))
    return lambda: WebdavFiles(lambda: WebdavFileSystem(**arguments))


def _named(**arguments: Any) -> dict[str, Any]:
    """Return those arguments that are given."""
    return {name: value for name, value in arguments.items() if value is not None}


_SPECIAL: Mapping[str, Callable[[_Server, dict[str, Any], str, float], Callable[[], Files]]] = {
    "ftp": _ftp,
    "sftp": _sftp,
    "ssh": _sftp,
    "webdav": _webdav,
    "webdavs": _webdav,
}
"""File systems that are served by more than fsspec's methods."""
