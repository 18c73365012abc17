"""Credentials among options, and whether something shows one.

A backend's options tell by their names which of them are secret. Where the user gave none,
values are made up: a backend that refuses them has the more occasion to show them.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from zarr_backends._storage.registry.options import parameters_of, type_text
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated
from zarr_backends_compliance._tools.options import open_checked, wrong_values

__all__ = ["errors_with", "keeps_secrets", "logged", "made_up_options", "secrets_in"]

_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|pwd|secret|token|credential|connection_?string|api_?key|sas_|^sas$"
    r"|account_?key|private_?key|access_?key$|signature|^auth",
    re.IGNORECASE,
)
"""What names of options with secret values have in them."""

_IN_URL = re.compile(r"://[^/?#:@]*:([^@/]+)@")
"""A password in a url."""

_URLS = re.compile(r"^(url|uri|dsn|endpoint|endpoint_url|server|address)$")
"""Names of options that are urls, in which there may be a password."""

_PATIENCE_S = 2.0
"""Seconds that a backend has to find out that made-up credentials are wrong."""

_ALL_S = 15.0
"""Seconds for all wrong options together."""

_SHORTEST = 4
"""Characters of the shortest value that is looked for; shorter ones are in everything."""


def secrets_in(options: Mapping[str, Any]) -> set[str]:
    """Return the secret values among options, also inside mappings and urls."""
    found: set[str] = set()
    for name, value in options.items():
        if isinstance(value, Mapping):
            found |= secrets_in(value)
        elif isinstance(value, str):
            found |= {value} if _SECRET.search(name) else set(_IN_URL.findall(value))
    return {value for value in found if len(value) >= _SHORTEST}


def made_up_options(target: Target) -> dict[str, str]:
    """Return made-up values for the secret options that a class has; none where it has none."""
    texts = (
        name
        for name, parameter in parameters_of(target.backend).items()
        if re.search(r"\bstr\b|^$", type_text(parameter))
    )
    return {name: value for name in texts if (value := _made_up(name, target.options.get(name)))}


def keeps_secrets(shown: object, hidden: set[str], what: str) -> None:
    """Fail where a text, the repr of an object, or an error with its causes shows a secret."""
    for text in _texts_of(shown):
        for secret in hidden:
            if secret in text or quote(secret, safe="") in text:
                violated(f"{what} shows a credential: {_hidden(text, secret)}")


def errors_with(t: Trial, options: Mapping[str, Any]) -> list[Exception]:
    """Return whatever is raised where things are missing or wrong.

    Args:
        t: The trial.
        options: Options beside those of a place, made-up credentials for example.
    """
    cls, given = t.target.backend, {**t.options("errors"), **options}
    if options and "timeout_s" in parameters_of(cls):
        options = {**options, "timeout_s": _PATIENCE_S}
        given |= options
    found = [
        *_error_of(open_checked, cls, **given),
        *_error_of(open_checked, cls, **given, zbc_unknown=1),
        *_error_of(t.open, "errors", **options),
    ]
    end = time.monotonic() + _ALL_S
    for name, value in wrong_values(cls):
        if time.monotonic() < end:
            found += _error_of(open_checked, cls, **{**given, name: value})
    try:
        backend = t.create("errors", **options)
    except Exception as error:
        return [*found, error]
    calls = (
        (backend.read_metadata,),
        (backend.read_chunk, (1,)),
        (backend.read_chunk, (-1,)),
        (backend.write_chunk, (0,), "text"),
        (backend.delete_chunk, ("x",)),
        (backend.write_metadata, {"zarr_format": 3, "thing": object()}, 3),
        (list, backend.list_chunks()),
    )
    return [*found, *(error for call, *arguments in calls for error in _error_of(call, *arguments))]


@contextmanager
def logged(package: str) -> Iterator[list[str]]:
    """Collect what a package, and this project, log meanwhile, at any level.

    Args:
        package: Name of the module that the backend is in.

    Yields:
        The lines, as they come.
    """
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in {package.partition(".")[0], "zarr_backends"}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _made_up(name: str, given: object) -> str:
    """Return a made-up value for a secret option, or a url with one; "" for other options."""
    secret = f"hush{secrets.token_hex(8)}"
    if _SECRET.search(name):
        return secret
    if not _URLS.search(name):
        return ""
    scheme, _, rest = str(given or "http://127.0.0.1:1/").partition("://")
    return f"{scheme}://user:{secret}@{rest.rpartition('@')[2]}"


def _error_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> list[Exception]:
    """Return the error that a call raises, if it does."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return [error]
    return []


def _texts_of(shown: object) -> Iterator[str]:
    """Yield the texts by which something can be seen."""
    if isinstance(shown, str):
        yield shown
    elif isinstance(shown, BaseException):
        yield from (repr(shown), repr(vars(shown)))
        yield "".join(traceback.format_exception(shown))
    else:
        yield from (repr(shown), str(shown), f"{shown}")


def _hidden(text: str, secret: str) -> str:
    """Return the surroundings of a secret in a text, without it."""
    at = max(text.find(secret), text.find(quote(secret, safe="")))
    around = text[max(0, at - 60) : at + len(secret) + 20]
    return around.replace(secret, "***").replace(quote(secret, safe=""), "***").strip()
