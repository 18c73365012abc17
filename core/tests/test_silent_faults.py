"""Faults that lose or falsify data in silence, seen in other Zarr storage layers.

Each test is one of them, told as what must happen instead.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare_backend import BareBackend

import zarr_backends as zb


class FailingBackend(BareBackend):
    """Raises what it is told to."""

    failure: Exception | None = None
    metadata_failure: Exception | None = None

    def read_chunk(self, index: zb.ChunkIndex) -> zb.Buffer:
        """Fail, or read."""
        if self.failure is not None:
            raise self.failure
        return super().read_chunk(index)

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: zb.ZarrFormat) -> None:
        """Fail, or write."""
        if self.metadata_failure is not None:
            raise self.metadata_failure
        super().write_metadata(metadata, zarr_format)


@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("error", [zb.NetworkError("reset"), PermissionError("denied")])
def test_an_error_is_not_a_missing_chunk(error: Exception, concurrent: bool) -> None:
    """A failing read raises that very error instead of giving fill values or hanging."""
    backend = FailingBackend()
    array = zb.create(backend, shape=(8,), chunks=(2,))
    array[...] = 1
    backend.failure = error
    with pytest.raises(type(error)) as caught:
        array[0:8] if concurrent else array[0]
    assert caught.value is error


def test_a_failed_read_does_not_become_a_write() -> None:
    """A partial write whose read fails leaves the chunk as it was."""
    backend = FailingBackend()
    array = zb.create(backend, shape=(4,), chunks=(4,))
    array[...] = 1
    before = dict(backend.chunks)
    backend.failure = zb.BackendTimeoutError("slow")
    with pytest.raises(TimeoutError):
        array[1] = 5
    assert backend.chunks == before


@pytest.mark.parametrize(
    "codecs",
    [
        {"filters": [{"id": "delta", "dtype": "<i4"}], "compressor": {"id": "zlib", "level": 1}},
        {"filters": [{"id": "shuffle", "elementsize": 4}], "compressor": None},
        {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}},
    ],
)
def test_a_partial_write_goes_through_filters_and_compressor(codecs: dict[str, Any]) -> None:
    """Reading, changing and writing back a chunk applies the whole pipeline both ways."""
    array = zb.create("memory:", shape=(6,), chunks=(6,), dtype="int32", zarr_format=2, **codecs)
    array[...] = np.arange(6)
    array[2:4] = [70, 80]
    assert array[...].tolist() == [0, 1, 70, 80, 4, 5]


def test_listing_of_v3_chunks_is_complete(tmp_path: Path) -> None:
    """Chunks below ``c/`` are listed, in a format that is recognised from the metadata."""
    array = zb.create(tmp_path / "a", shape=(4, 4), chunks=(2, 2))
    array[...] = 1
    listed = sorted(zb.open(tmp_path / "a").backend.list_chunks())
    assert listed == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_deleting_a_v3_chunk_leaves_v2_keys_alone() -> None:
    """A chunk is deleted under the key of the array's own encoding and no other."""
    array = zb.create("memory:", shape=(4,), chunks=(2,), dtype="int8")
    array[...] = 1
    array.backend.set("0", b"someone else's")
    array.backend.delete_chunk((0,))
    assert array[...].tolist() == [0, 0, 1, 1]
    assert bytes(array.backend.get("0")) == b"someone else's"


def test_separator_and_order_of_stored_v2_arrays_are_honoured(tmp_path: Path) -> None:
    """A v2 array with "/" keys and F order, as others write it, is read as it was meant."""
    values = np.arange(12, dtype="<i2").reshape(3, 4)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "0").write_bytes(values.tobytes(order="F"))
    document = {
        "zarr_format": 2, "shape": [3, 4], "chunks": [3, 4], "dtype": "<i2", "fill_value": 0,
        "order": "F", "filters": None, "compressor": None, "dimension_separator": "/",
    }  # fmt: skip
    (tmp_path / ".zarray").write_text(json.dumps(document))
    np.testing.assert_array_equal(zb.open(tmp_path)[...], values)


def test_creating_over_old_data_leaves_no_stale_chunk(tmp_path: Path) -> None:
    """A new array reads fill values everywhere, whatever format was there before."""
    old = zb.create(tmp_path / "a", shape=(4,), chunks=(1,), zarr_format=2)
    old[...] = 1
    new = zb.create(tmp_path / "a", shape=(4,), chunks=(1,), overwrite=True)
    assert new[...].tolist() == [0, 0, 0, 0]
    assert sorted(p.name for p in (tmp_path / "a").iterdir() if p.is_file()) == ["zarr.json"]


@pytest.mark.parametrize("storage", ["memory", "filesystem", "zip"])
def test_create_writes_metadata_on_every_backend(storage: str, tmp_path: Path) -> None:
    """The array exists as soon as create returns."""
    options = {"memory": {"name": "m"}, "filesystem": {"path": tmp_path / "a"}}
    words = options.get(storage, {"path": tmp_path / "a.zip"})
    with zb.create(storage=storage, shape=3, **words) as array:
        assert array.backend.exists()
        assert zb.open(storage=storage, **words).shape == (3,)


def test_a_failed_metadata_write_fails_the_call() -> None:
    """create, resize and attributes raise it, and the array keeps what it had."""
    backend = FailingBackend()
    array = zb.create(backend, shape=(4,))
    backend.metadata_failure = zb.StorageFullError("no space")
    for change in (lambda: array.resize(8), lambda: array.attrs.update(a=1)):
        with pytest.raises(zb.StorageFullError):
            change()
    assert (array.shape, dict(array.attrs)) == ((4,), {})
    with pytest.raises(zb.StorageFullError):
        zb.create(FailingBackendFull(), shape=3)


class FailingBackendFull(FailingBackend):
    """Has no space for metadata from the start."""

    metadata_failure = zb.StorageFullError("no space")


def test_zip_writes_outlive_a_process_that_never_saves(tmp_path: Path) -> None:
    """An archive that is neither flushed nor closed is written at exit, with a warning."""
    path = tmp_path / "a.zip"
    script = f"import zarr_backends as zb; zb.create({str(path)!r}, shape=3, dtype='i1')[...] = 7"
    command = [sys.executable, "-W", "always", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "ResourceWarning" in done.stderr
    assert zb.open(path)[...].tolist() == [7, 7, 7]
