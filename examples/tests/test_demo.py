"""The demonstration notices every difference; a corner of its data is enough to see that."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.__main__ import main


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return a folder in which the demonstration has stored its arrays."""
    assert main(["--small", "--output", str(tmp_path)]) == 0
    return tmp_path


def check(output: Path) -> int:
    """Return the exit status of comparing what is stored, writing nothing."""
    return main(["--small", "--check", "--output", str(output)])


def chunk_files(array: Path) -> list[Path]:
    """Return the files of an array's chunks, largest first."""
    files = (p for p in array.rglob("*") if p.is_file() and p.name[0] not in "z.")
    return sorted(files, key=lambda path: -path.stat().st_size)


def test_untouched_arrays_are_equal(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 0 and no row of the table says "no"."""
    assert check(output) == 0
    assert " no " not in capsys.readouterr().out


@pytest.mark.parametrize("array", ["mask.zarr", "temperature.zarr", "temperature-v2.zarr"])
def test_a_damaged_chunk_ends_in_status_1(
    output: Path, array: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that do not decode are reported with the array that they belong to."""
    chunk = chunk_files(output / array)[0]
    chunk.write_bytes(b"\0" + chunk.read_bytes()[1:])
    assert check(output) == 1
    assert f"{array}, read by zarr-backends: ChunkCorruptionError" in capsys.readouterr().out


def test_a_lost_chunk_ends_in_status_1(output: Path) -> None:
    """A chunk that reads as fill value without any error is noticed all the same."""
    chunk_files(output / "temperature.zarr")[0].unlink()
    assert check(output) == 1


def test_a_changed_attribute_ends_in_status_1(output: Path) -> None:
    """Attributes are compared like values."""
    document = output / "temperature.zarr" / "zarr.json"
    document.write_text(document.read_text("utf-8").replace('"units": "K"', '"units": "F"'))
    assert check(output) == 1


def test_a_damaged_archive_ends_in_status_1(output: Path) -> None:
    """An archive that lost its end cannot be opened, and the demonstration says so."""
    archive = output / "temperature.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    assert check(output) == 1
