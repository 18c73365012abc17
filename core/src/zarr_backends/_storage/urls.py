"""From what a user calls an array (a url, a path, ``storage=``) to a backend and its options.

A string with ``scheme://`` is a url, and so is one that starts with a known scheme and a
colon (``memory:``); everything else is a path. The scheme of a url chooses the backend,
unless ``storage=`` does. The backend itself takes the url apart; it always gets it with
its scheme in lower case and with ``://``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from zarr_backends._storage.redaction import redact
from zarr_backends._storage.registry.conformance import fault_of
from zarr_backends._storage.registry.installed import backend_of_scheme, installed
from zarr_backends._storage.registry.options import parameters_of
from zarr_backends._storage.registry.published_backends import DISTRIBUTION_OF_SCHEME
from zarr_backends._storage.registry.registered import get_backend
from zarr_backends.contract import Backend, SupportsUrls
from zarr_backends.errors import ConfigurationError, InvalidBackendError, ZarrBackendsError

__all__ = ["Storage", "Target", "resolve"]

Target: TypeAlias = str | os.PathLike[str]
"""A url or a path."""

Storage: TypeAlias = str | type[Backend]
"""A backend id, ``"distribution:id"``, or a backend class."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?(.*)", re.DOTALL)
"""Scheme, slashes, rest. One letter before the colon is a drive of Windows."""


def resolve(
    target: Target | None, storage: Storage | None, options: Mapping[str, Any]
) -> tuple[type[Backend], dict[str, Any]]:
    """Return the backend class that a user means, and its options.

    The options are put together and not yet checked against the class.

    Args:
        target: Url (``s3://bucket/run``), path (``data/run.zarr``; one that ends in
            ``.zip`` is an archive; a leading ``~/`` is the home directory), or None where
            the options alone say the place.
        storage: Backend to use; None to let the url's scheme choose, or the file system
            for a path.
        options: Options beside the target. They add to what it says and cannot contradict it.

    Raises:
        ConfigurationError: Neither target nor storage is given, the target is no url or
            path, the backend takes none, or an option is given twice with two values.
        UnknownBackendError: No installed backend has the id or serves the scheme.
        InvalidBackendError: The backend cannot be loaded.
    """
    if target is None:
        if storage is None:
            message = "say where the array is: give a url, a path, or storage= with its options"
            raise ConfigurationError(message, option="storage")
        return _class_of(storage), dict(options)
    text = _text_of(target)
    scheme, url = _url_of(text, is_path=not isinstance(target, str))
    if url:
        backend = _class_of(storage) if storage else backend_of_scheme(scheme)
        return backend, _merged(backend, _options_of_url(backend, url), options)
    backend = _class_of(storage or ("zip" if text.lower().endswith(".zip") else "filesystem"))
    return backend, _merged(backend, _options_of_path(backend, text), options)


def _class_of(storage: Storage | object) -> type[Backend]:
    """Return the class that ``storage=`` names or is.

    Raises:
        ConfigurationError: It is neither a name nor a class.
        InvalidBackendError: It is a class and no backend.
    """
    if isinstance(storage, str):
        return get_backend(storage)
    if not isinstance(storage, type):
        message = f"storage must be a backend id or class, not {type(storage).__name__}"
        raise ConfigurationError(message, option="storage")
    fault = fault_of(storage)
    if fault is not None:
        message = f"storage={storage.__qualname__} does not fulfil the contract: {fault.reason}"
        raise InvalidBackendError(message)
    return cast("type[Backend]", storage)


def _text_of(target: object) -> str:
    """Return a url or path as a string.

    Raises:
        ConfigurationError: It is neither, or empty.
    """
    if not isinstance(target, str | os.PathLike):
        message = (
            f"the place of an array is a url or a path, not {type(target).__name__}; "
            "a backend class is given as storage="
        )
        raise ConfigurationError(message, option="target")
    text = os.fsdecode(target)
    if not text:
        message = "the place of an array is an empty string; give a url or a path"
        raise ConfigurationError(message, option="target")
    return text


def _url_of(text: str, *, is_path: bool) -> tuple[str, str]:
    """Return the scheme and the whole of a url, both empty for a path.

    Raises:
        ConfigurationError: It was a url before `pathlib` took a slash away.
    """
    match = _URL.fullmatch(text)
    if not match:
        return "", ""
    scheme, rest = match[1].lower(), match[3]
    if not match[2]:
        if scheme not in DISTRIBUTION_OF_SCHEME and not installed().of_scheme(scheme):
            return "", ""
        if is_path or (rest.startswith(("/", "\\")) and scheme not in ("file", "zip")):
            message = (
                f"{redact(text)!r:.80} is neither a url nor a path: write {scheme}://... "
                f"as a str (pathlib cannot hold urls), or ./{scheme}:... for a file of that name"
            )
            raise ConfigurationError(message, option="target")
    return scheme, f"{scheme}://{rest}"


def _options_of_url(backend: type[Backend], url: str) -> Mapping[str, Any]:
    """Return the options that a url stands for.

    Raises:
        ConfigurationError: The backend takes no urls, or cannot read this one.
        ZarrBackendsError: The backend says so in its own way.
    """
    if issubclass(backend, SupportsUrls):
        try:
            return cast("type[SupportsUrls]", backend).options_from_url(url)
        except ZarrBackendsError:
            raise
        except ValueError:
            message = f"backend {backend.backend_id!r} cannot read the url {redact(url)!r:.200}"
            # Not chained: what the standard library says quotes passwords.
            raise ConfigurationError(message, backend=backend.backend_id, option="target") from None
    if "url" in parameters_of(backend):
        return {"url": url}
    message = (
        f"backend {backend.backend_id!r} takes no urls such as {redact(url)!r:.80}; "
        f"give storage={backend.backend_id!r} and {_options_text(backend)}"
    )
    raise ConfigurationError(message, backend=backend.backend_id, option="target")


def _options_of_path(backend: type[Backend], text: str) -> Mapping[str, Any]:
    """Return the options that a path stands for.

    Raises:
        ConfigurationError: The backend has no option ``path``.
    """
    if "path" not in parameters_of(backend):
        message = (
            f"backend {backend.backend_id!r} takes no path such as {text!r:.80}; "
            f"give a url or {_options_text(backend)}"
        )
        raise ConfigurationError(message, backend=backend.backend_id, option="target")
    # Only the plain tilde: "~backup" is more often a folder than a user.
    home = text == "~" or text.startswith(("~/", f"~{os.sep}"))
    return {"path": os.path.expanduser(text) if home else text}


def _merged(
    backend: type[Backend], found: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of the target and those beside it together.

    Raises:
        ConfigurationError: An option has two values.
    """
    for name in found.keys() & given.keys():
        if found[name] != given[name]:
            # The values stay out of the message: one of them may be a password.
            message = (
                f"option {name!r} is given beside a url or path that says otherwise; give it once"
            )
            raise ConfigurationError(message, backend=backend.backend_id, option=name)
    return {**found, **given}


def _options_text(backend: type[Backend]) -> str:
    """Name the options of a backend."""
    return f"its options: {', '.join(parameters_of(backend)) or 'none'}"
