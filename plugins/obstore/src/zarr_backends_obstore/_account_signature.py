"""A signature by which a single blob may be deleted, made of an Azure account's key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

__all__ = ["delete_signature"]

_VERSION = "2021-12-02"
"""Version of the REST API that the signature follows."""

_LASTS = timedelta(minutes=15)
"""How long it is good for; it is used at once."""


def delete_signature(account: str, key: str) -> str:
    """Return a query that gives the right to delete blobs for a short time.

    Args:
        account: Name of the account.
        key: Its key, in base 64.

    Raises:
        ValueError: The key is not base 64.

    Source: "Create an account SAS" of the Azure Storage REST API.
    """
    fields = {
        "sp": "d",  # delete
        "ss": "b",  # of blobs
        "srt": "o",  # objects alone
        "st": "",
        "se": f"{datetime.now(UTC) + _LASTS:%Y-%m-%dT%H:%M:%SZ}",
        "sip": "",
        "spr": "https,http",
        "sv": _VERSION,
    }
    # After the version follows an encryption scope, which is empty.
    text = "\n".join([account, *fields.values(), "", ""]).encode()
    digest = hmac.digest(base64.b64decode(key), text, hashlib.sha256)
    query = {name: value for name, value in fields.items() if value}
    return urlencode({**query, "sig": base64.b64encode(digest).decode()})
