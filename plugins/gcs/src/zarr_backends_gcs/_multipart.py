"""Bodies of several parts: an object with its properties, and many requests in one.

Source: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object (multipart
upload) and https://cloud.google.com/storage/docs/batch.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from typing import Any

from zarr_backends import BackendError
from zarr_backends_gcs._errors import RefusedError

__all__ = ["batch", "batch_answers", "object_with_properties"]

_STATUS = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})")


def object_with_properties(properties: Mapping[str, Any], data: bytes) -> tuple[str, bytes]:
    """Return the content type and the body of an upload.

    Args:
        properties: Of the object, its name among them.
        data: Its bytes.
    """
    mark = secrets.token_hex(16)
    head = (
        f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f"{json.dumps(properties)}\r\n"
        f"--{mark}\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join((head.encode(), data, f"\r\n--{mark}--\r\n".encode()))
    return f"multipart/related; boundary={mark}", body


def batch(method: str, targets: Sequence[str]) -> tuple[str, bytes]:
    """Return the content type and the body of several requests without bodies.

    Args:
        method: Of HTTP.
        targets: Path and query of each.
    """
    mark = secrets.token_hex(16)
    parts = [
        f"--{mark}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{mark}+{i}>\r\n\r\n"
        f"{method} {target} HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n"
        for i, target in enumerate(targets)
    ]
    return f"multipart/mixed; boundary={mark}", "".join([*parts, f"--{mark}--\r\n"]).encode()


def batch_answers(content_type: str, body: bytes, count: int) -> list[RefusedError | None]:
    """Return what is refused of several requests, None for each success.

    Args:
        content_type: Of the answer.
        body: Of the answer.
        count: How many requests there were.

    Raises:
        BackendError: It is no answer to that many requests.
    """
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = list(whole.walk())[1:]
    found = [_refusal(part.get_payload(decode=True)) for part in parts]
    if len(found) != count:
        message = f"the answer to {count} requests in a batch has {len(found)} parts"
        raise BackendError(message, backend="gcs")
    return found


def _refusal(answer: Any) -> RefusedError | None:
    """Return what an answer in a part says, None if it is a success.

    Raises:
        BackendError: It is no answer.
    """
    status = _STATUS.match(bytes(answer or b"").lstrip())
    if status is None:
        message = "a part of the answer to a batch has no status"
        raise BackendError(message, backend="gcs")
    code = int(status[1])
    _, _, content = bytes(answer).replace(b"\r\n", b"\n").partition(b"\n\n")
    return None if code // 100 == 2 else RefusedError(code, content)  # noqa: PLR2004  # successes
