"""Archives made by others and by hand, for the tests of the zip backend."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends._storage.zip.new_records import central_record, end_records, local_header
from zarr_backends._storage.zip.records import CENTRAL, LOCAL, Member

__all__ = ["VALUES", "altered", "assembled", "contents", "packed", "unpacked"]

VALUES = {"zarr.json": b"{}", "c/0": b"0123456789" * 100, "c/1": bytes(5000)}


def packed(values: Mapping[str, bytes] = VALUES, method: int = 0, comment: bytes = b"") -> bytes:
    """Return an archive that Python's own writer makes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.comment = comment
        for name, value in values.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it is, where the constructor would tidy it up
            archive.writestr(info, value, method)
    return stream.getvalue()


def assembled(*members: tuple[Member, bytes], prefix: bytes = b"") -> bytes:
    """Return an archive of hand-made members with their data."""
    data, records = prefix, b""
    for member, value in members:
        records += central_record(member, len(data) + member.offset)
        data += local_header(member.name, member.flags, member.nbytes, member.crc) + value
    return data + records + end_records(len(members), len(records), len(data))


def altered(raw: bytes, key: str, field: int, value: int, *, local: int | None = None) -> bytes:
    """Return an archive with one field of a member's central (and local) record changed."""
    name, data = key.encode(), bytearray(raw)
    for start, layout, place in ((b"PK\1\2", CENTRAL, field), (b"PK\3\4", LOCAL, local)):
        position = data.find(start)
        while data[position + layout.size :][: len(name)] != name:
            position = data.find(start, position + 1)
        if place is not None:
            fields = list(layout.unpack_from(data, position))
            fields[place] = value
            layout.pack_into(data, position, *fields)
    return bytes(data)


def contents(path: Path) -> dict[str, bytes]:
    """Return all values of an archive as the backend reads them."""
    with ZipBackend.create(path=path) as backend:
        return {key: bytes(backend.get(key) or b"") for key in backend.list_keys()}


def unpacked(path: Path) -> dict[str, bytes]:
    """Return what Python's own reader finds, every member checked and of a name of its own."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name) for name in names}
