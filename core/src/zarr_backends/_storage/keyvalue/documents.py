"""Metadata documents as bytes: JSON that is written strictly and read with care.

Reading accepts a bare ``NaN`` (zarr-python writes it into attributes) but is bounded in
size and depth; writing refuses what other readers could not parse. The parser is imported
when it is first needed, as it is a good part of what importing this package costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarr_backends.contract import Buffer
from zarr_backends.errors import MetadataError

__all__ = ["MAX_DOCUMENT_NBYTES", "decode_document", "encode_document"]

MAX_DOCUMENT_NBYTES = 256 * 2**20
"""Bytes of the largest metadata document that is parsed. Consolidated metadata of a large
hierarchy is some tens of MB; more than this is an accident or an attack."""


def decode_document(raw: Buffer, key: str) -> dict[str, Any]:
    """Parse one metadata document.

    Args:
        raw: Stored bytes.
        key: Store key, for messages.

    Returns:
        The object, its members in their order.

    Raises:
        MetadataError: The bytes are not one JSON object in UTF-8, or too large or deep.
    """
    if len(raw) > MAX_DOCUMENT_NBYTES:
        message = f"{key} has {len(raw)} bytes; metadata over {MAX_DOCUMENT_NBYTES} is refused"
        raise MetadataError(message, key=key)
    import json  # noqa: PLC0415  # see above

    try:
        document = json.loads(bytes(raw).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        message = f"{key} is not a JSON document: {error}"
        raise MetadataError(message, key=key) from error
    if not isinstance(document, dict):
        message = f"{key} must hold a JSON object, not a {type(document).__name__}"
        raise MetadataError(message, key=key)
    return document


def encode_document(document: Mapping[str, Any], key: str) -> bytes:
    """Serialise one metadata document, members in their order.

    Args:
        document: What ``json`` can write: strings, finite numbers, booleans, None, lists
            and mappings with string keys.
        key: Store key, for messages.

    Returns:
        Indented JSON in UTF-8.

    Raises:
        MetadataError: `document` holds something that JSON has no word for.
    """
    import json  # noqa: PLC0415  # see above

    try:
        text = json.dumps(dict(document), indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = (
            f"{key} cannot be written as JSON: {error}. Attributes hold strings, finite numbers, "
            "booleans, None, lists and dicts; write NaN as the string 'NaN'"
        )
        raise MetadataError(message, key=key) from error
