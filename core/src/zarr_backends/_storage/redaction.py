"""Urls without their secrets, for messages, logs and reprs."""

from __future__ import annotations

import re

__all__ = ["redact"]

_PASSWORD = re.compile(r"^([^:/?#]+://[^:/?#@]*):.*@", re.DOTALL)
"""Everything from the colon after a user name to the last "@". A password that was not
percent-encoded may hold any character, so too much is taken rather than too little."""

_PARAMETER = re.compile(r"([?&;#])([^=&;#?]*)=([^&;#]*)")
"""One ``name=value`` of a query or fragment."""

_SECRET_NAME = re.compile(
    r"key|token|secret|sig|pass|pwd|cred|auth|session|connection.?string",
    re.IGNORECASE,
)
"""What names of parameters with secret values have in them."""


def redact(url: str) -> str:
    """Return a url with ``***`` in place of its password and of secret-looking parameters.

    >>> redact("redis://user:hunter2@host/0?db=1&auth_token=abc")
    'redis://user:***@host/0?db=1&auth_token=***'
    """
    return _PARAMETER.sub(_hidden, _PASSWORD.sub(r"\1:***@", url))


def _hidden(match: re.Match[str]) -> str:
    """Return one parameter, without its value where the name speaks of a secret."""
    start, name, value = match.groups()
    # A name with an escape in it may spell anything; nobody writes one by accident.
    secret = _SECRET_NAME.search(name) or "%" in name
    return f"{start}{name}={'***' if secret else value}"
