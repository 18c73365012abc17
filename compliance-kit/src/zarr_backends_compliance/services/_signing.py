"""Signature version 4, as much of it as the creation of a bucket needs.

Source: AWS General Reference, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from zarr_backends_compliance.services._ports import HOST

__all__ = ["signed_headers"]

_REGION = "us-east-1"
"""What servers call themselves that have no other name."""

_EMPTY = hashlib.sha256(b"").hexdigest()


def signed_headers(method: str, port: int, path: str, key: str, secret: str) -> dict[str, str]:
    """Return the headers of a signed request to S3 that has no query and no body.

    Args:
        method: Such as ``PUT``.
        port: Of the server, on the loopback.
        path: Encoded as in the URL.
        key: Access key.
        secret: Secret of that key.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": f"{HOST}:{port}", "x-amz-content-sha256": _EMPTY, "x-amz-date": now}
    names = ";".join(headers)
    canonical = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join([method, path, "", *canonical, "", names, _EMPTY])
    scope = f"{now[:8]}/{_REGION}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), hashlib.sha256)
    signature = hmac.digest(signing, text.encode(), hashlib.sha256).hex()
    credential = f"Credential={key}/{scope}"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    )
    return headers
