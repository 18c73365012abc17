"""What the client makes of servers that are none, and of answers that break off."""

from __future__ import annotations

import pytest

import zarr_backends as zb
from zarr_backends_compliance.services.http_faults import HttpFaults
from zarr_backends_http import HttpArrayBackend, HttpBackend

OURS = {"Zarr-Backends-Protocol": "1"}
LINES = {**OURS, "Content-Type": "application/x-ndjson"}


def at(server: HttpFaults) -> HttpArrayBackend:
    """Return a backend that has not asked its server yet."""
    return HttpArrayBackend.create(base_url=server.url, array_id="a", timeout_s=5)


@pytest.mark.parametrize("status", [200, 206, 404, 416])
def test_an_answer_of_another_server_is_an_error(status: int) -> None:
    """A 404 of a wrong address is no missing chunk, and a login page no chunk."""
    with HttpFaults(status, body=b"<html>") as server, at(server) as backend:
        for call in (backend.read_chunk, backend.chunk_nbytes):
            with pytest.raises(zb.BackendError) as caught:
                call((0,))
            assert not isinstance(caught.value, zb.NotFoundError)


def test_a_server_that_is_none_is_found_out_by_create() -> None:
    """Whatever it answers."""
    for body in (b"<html>", b"[]", b'{"keys": "yes"}'):
        with HttpFaults(200, OURS, body) as server, pytest.raises(zb.BackendError):
            HttpBackend.create(base_url=server.url, array_id="a")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[0]\n[1]\n", zb.NetworkError),
        (b"[0]\n[1", zb.NetworkError),
        (b'[0]\n{"error": {"status": 403}}\n', zb.PermissionDeniedError),
        (b'[0]\n{"error": 5}\n', zb.BackendError),
        (b"[0]\nnonsense\n", zb.BackendError),
        (b'["x"]\n{"end": true}\n', zb.BackendError),
        (b'{"a": [0], "end": true\n', zb.BackendError),
    ],
)
def test_a_listing_without_its_end_is_an_error(body: bytes, error: type[Exception]) -> None:
    """It never ends early as if that were all."""
    with HttpFaults(200, LINES, body) as server, at(server) as backend, pytest.raises(error):
        list(backend.list_chunks())


@pytest.mark.parametrize("body", [b"", b"\0" * 7, b"\x05" + b"\0" * 7 + b"abc", b"\xff" * 24])
def test_a_batch_that_is_none_is_an_error(body: bytes) -> None:
    """Too short, and of too many values."""
    with (
        HttpFaults(200, OURS, body) as server,
        at(server) as backend,
        pytest.raises(zb.BackendError),
    ):
        backend.read_chunks([(0,), (1,)])


@pytest.mark.parametrize(
    ("status", "error", "transient"),
    [
        (401, zb.PermissionDeniedError, False), (403, zb.PermissionDeniedError, False),
        (408, zb.BackendTimeoutError, True), (504, zb.BackendTimeoutError, True),
        (413, zb.StorageFullError, False), (507, zb.StorageFullError, False),
        (429, zb.BackendError, True), (503, zb.NetworkError, True), (502, zb.NetworkError, True),
        (500, zb.BackendError, False), (302, zb.BackendError, False), (409, zb.ConflictError, True),
    ],
)  # fmt: skip
def test_each_status_is_an_error_of_its_own(
    status: int, error: type[zb.BackendError], transient: bool
) -> None:
    """None of them is a missing chunk."""
    with HttpFaults(status, OURS) as server, at(server) as backend:
        with pytest.raises(error) as caught:
            backend.write_chunk((0,), b"x")
        assert caught.value.transient is transient


def test_a_problem_document_says_more_than_its_status() -> None:
    """Its type names the error."""
    body = b'{"type": "urn:zarr-backends:problem:corrupt-storage", "detail": "torn"}'
    torn = pytest.raises(zb.CorruptStorageError, match="torn")
    with HttpFaults(500, OURS, body) as server, at(server) as backend, torn:
        backend.read_chunk((0,))
