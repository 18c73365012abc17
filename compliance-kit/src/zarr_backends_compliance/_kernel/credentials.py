"""Credentials among the options of a backend, found by the names that options have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from zarr_backends_compliance._kernel.option_values import OptionPath, leaves, replaced
from zarr_backends_compliance._kernel.target import Target

__all__ = ["secrets_of", "with_wrong_secret"]

_NAME = re.compile(
    r"key|token|secret|sig|pass|pwd|cred|auth|session|connection.?string", re.IGNORECASE
)
"""What names of options with secret values have in them."""

_BEST = re.compile(r"secret|pass|pwd|token|account.?key", re.IGNORECASE)
"""Names of what is surely a secret, and not the name of one, such as an access key's id."""

_NO_SECRETS = frozenset({"anon", "anonymous", "cloud", "default", "false", "none", "true"})
"""Values that stand for having no secret."""

_URL_PASSWORD = re.compile(r"(?P<head>://[^:/?#@]*:)(?P<secret>[^/?#]*)(?=@)")
_IN_TEXT = re.compile(
    r"(?P<head>(?:^|[?&;\s])[^=&;?\s]*(?:key|token|secret|sig|pass|pwd)[^=&;?\s]*=)"
    r"(?P<secret>[^&;\s]+)",
    re.IGNORECASE,
)
"""``name=value`` in a query or a connection string."""

_NEXT = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "bcdefahijklmnopqrstuvwxyzgBCDEFAHIJKLMNOPQRSTUVWXYZG1234567890",
)
"""Each letter's neighbour; hexadecimal digits stay such, and so does everything of base 64."""


def secrets_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secret values among options, the likeliest first.

    Args:
        options: Options of a backend. What is true or false, a path of a file, or a word
            such as ``"anon"`` is no secret.
    """
    found = sorted(_secrets(options), key=lambda secret: not _BEST.search(secret[0][-1]))
    return tuple(dict.fromkeys(value for _, value, _ in found))


def with_wrong_secret(target: Target) -> Target:
    """Return a target with another secret of the same form, which no server knows.

    Args:
        target: One that has secrets.

    Raises:
        ValueError: It has none.
    """
    found = sorted(_secrets(target.options), key=lambda secret: not _BEST.search(secret[0][-1]))
    if not found:
        message = f"{target!r} has no secret among its options"
        raise ValueError(message)
    path, _, wrong = found[0]
    return target.with_options(**replaced(target.options, path, wrong))


def _secrets(options: Mapping[str, Any]) -> Iterator[tuple[OptionPath, str, str]]:
    """Yield where secrets are, what they are, and the option's value with a wrong one."""
    for path, value in leaves(options):
        if not isinstance(value, str) or not value:
            continue
        inside = [*_URL_PASSWORD.finditer(value), *_IN_TEXT.finditer(value)]
        for match in inside:
            wrong = f"{value[: match.start('secret')]}{match['secret'].translate(_NEXT)}"
            yield path, unquote(match["secret"]), wrong + value[match.end("secret") :]
        if not inside and _NAME.search(path[-1]) and _is_secret(value):
            yield path, value, value.translate(_NEXT)


def _is_secret(value: str) -> bool:
    """Whether the value of an option with a telling name is a secret by its looks."""
    if value.lower() in _NO_SECRETS or "://" in value:
        return False
    return "\n" in value or "\0" in value or len(value) > 255 or not Path(value).exists()  # noqa: PLR2004  # no file has such a name
