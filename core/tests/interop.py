"""Every data type, format, order and codec, exchanged with the other Zarr libraries.

One case is an array of random bits that one side writes and the other reads: ours read by
zarr-python, tensorstore and zarrs, and theirs read by us. Run as a script it prints the
table of `core/README.md`, or puts it there::

    python core/tests/interop.py --write core/README.md
"""

from __future__ import annotations

import argparse
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import tensorstore as ts
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, TransposeCodec, ZstdCodec

import zarr_backends as zb

SHAPE, CHUNKS, SHARDS = (7, 5), (3, 2), (6, 4)
WRITTEN = np.s_[0:6, 0:5]
"""The last row stays unwritten, so that fill values are exchanged too."""

CODECS = ("none", "gzip", "zstd", "blosc", "sharded")

NUMBERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
STRUCT = "struct"
DTYPES = (
    "bool",
    *(f"{order}{kind}" for kind in NUMBERS for order in ("<>" if kind[1:] != "1" else "|")),
    *(f"{order}{kind}" for kind in ("M8[ns]", "m8[s]", "U4") for order in "<>"),
    "|S5",
    "|V6",
    STRUCT,
    "string",
)
"""NumPy's names, both byte orders; ``string`` is the variable-length one."""


@dataclass(frozen=True)
class Case:
    """One way to store an array."""

    dtype: str
    zarr_format: Literal[2, 3]
    order: Literal["C", "F"]
    codec: str

    def __str__(self) -> str:
        """Return a readable test id."""
        return f"{self.dtype}-v{self.zarr_format}-{self.order}-{self.codec}"

    @property
    def stored(self) -> Any:
        """What ``dtype=`` is given."""
        return np.dtype([("x", "<i2"), ("y", ">f8")]) if self.dtype == STRUCT else self.dtype

    @property
    def sharded(self) -> bool:
        """Whether chunks are inside shards."""
        return self.codec == "sharded"

    def exists(self) -> bool:
        """Whether the formats know this combination at all."""
        return self.zarr_format == 3 or not self.sharded

    def data(self) -> Any:
        """Return random bits of the data type, in native byte order; NaN payloads included."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        shape = (6, 5)
        if self.dtype == "string":
            words = np.array(
                ["", "a", "Zürich", "😀 x", "long " * 9], dtype=np.dtypes.StringDType()
            )
            return words[rng.integers(0, 5, shape)]
        native = np.dtype(self.stored).newbyteorder("=")
        if native.kind in "US":
            letters = rng.integers(97, 123, (30, 4)).tolist()
            words = ["".join(map(chr, word)) for word in letters]
            return np.array(words).astype(native).reshape(shape)
        if native.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        raw = rng.integers(0, 256, (*shape, native.itemsize), dtype="u1")
        return raw.view(native)[..., 0]


def cases() -> Iterator[Case]:
    """Yield every combination that exists."""
    for dtype, zarr_format, order, codec in product(DTYPES, (2, 3), "CF", CODECS):
        case = Case(dtype, zarr_format, order, codec)  # type: ignore[arg-type]  # product widens
        if case.exists():
            yield case


class Peer:
    """Another library, as writing to and reading from a folder."""

    letter: str
    name: str

    def write(self, path: Path, case: Case) -> None:
        """Store the case's data in a new array."""
        raise NotImplementedError

    def read(self, path: Path, case: Case) -> Any:
        """Return the whole array."""
        raise NotImplementedError


class Ours(Peer):
    """This project."""

    letter, name = "", "zarr-backends"

    def write(self, path: Path, case: Case) -> None:
        """Store the case's data."""
        codec = {"none": None, "sharded": "zstd"}.get(case.codec, case.codec)
        array = zb.create(
            path, shape=SHAPE, chunks=CHUNKS, shards=SHARDS if case.sharded else None,
            dtype=case.stored, order=case.order, zarr_format=case.zarr_format, compressor=codec,
        )  # fmt: skip
        array[WRITTEN] = case.data()

    def read(self, path: Path, case: Case) -> Any:  # noqa: ARG002  # the others need the case
        """Return the whole array."""
        return zb.open(path)[...]


class ZarrPython(Peer):
    """zarr-python with its own codec pipeline."""

    letter, name = "Z", "zarr-python"
    settings: dict[str, Any] = {}  # noqa: RUF012  # never changed

    def write(self, path: Path, case: Case) -> None:
        """Store the case's data."""
        with zarr.config.set(self.settings):
            zarr.create_array(store=path, **_zarr_words(case))[WRITTEN] = case.data()

    def read(self, path: Path, case: Case) -> Any:
        """Return the whole array."""
        with zarr.config.set(self.settings):
            array = zarr.open_array(path, mode="r", zarr_format=case.zarr_format)
            return array[...]


class Zarrs(ZarrPython):
    """zarrs (Rust) as zarr-python's codec pipeline, refusing to fall back to Python."""

    letter, name = "R", "zarrs"
    settings = {"codec_pipeline": {"path": "zarrs.ZarrsCodecPipeline", "strict": True}}  # noqa: RUF012


class TensorStore(Peer):
    """tensorstore, told the same metadata document."""

    letter, name = "T", "tensorstore"

    def _open(self, path: Path, case: Case, **words: Any) -> Any:
        if case.dtype.startswith("|V"):
            # There, raw bytes are one dimension more; ours in its place would end the process.
            message = "raw bytes are not comparable"
            raise NotImplementedError(message)
        driver = "zarr3" if case.zarr_format == 3 else "zarr"
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(path)}, **words}
        return ts.open(spec).result()

    def write(self, path: Path, case: Case) -> None:
        """Store the case's data."""
        with TemporaryDirectory() as folder:
            Ours().write(Path(folder) / "a", case)
            document = dict(zb.open(Path(folder) / "a").metadata)
        document.pop("attributes", None)
        if case.zarr_format == 3:
            document.pop("zarr_format"), document.pop("node_type")
        array = self._open(path, case, metadata=document, create=True)
        array[WRITTEN].write(case.data()).result()

    def read(self, path: Path, case: Case) -> Any:
        """Return the whole array."""
        return self._open(path, case).read().result()


PEERS = (ZarrPython(), TensorStore(), Zarrs())


def _zarr_words(case: Case) -> dict[str, Any]:
    """Return the arguments of ``zarr.create_array`` for a case."""
    words: dict[str, Any] = {
        "shape": SHAPE, "chunks": CHUNKS, "dtype": case.stored, "zarr_format": case.zarr_format,
    }  # fmt: skip
    if case.dtype == "string" and case.zarr_format == 2:
        words["dtype"] = "string"
    if case.zarr_format == 2:
        from numcodecs import Blosc, GZip, Zstd  # noqa: PLC0415  # v2's own codecs

        words["order"] = case.order
        words["compressors"] = {"gzip": GZip(), "zstd": Zstd(), "blosc": Blosc()}.get(case.codec)
        return words
    codecs = {
        "gzip": GzipCodec(),
        "zstd": ZstdCodec(),
        "blosc": BloscCodec(),
        "sharded": ZstdCodec(),
    }
    words["compressors"] = codecs.get(case.codec)
    words["shards"] = SHARDS if case.sharded else None
    words["filters"] = [TransposeCodec(order=(1, 0))] if case.order == "F" else None
    if case.dtype.startswith(">"):
        words["serializer"] = BytesCodec(endian="big")
    return words


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and, in native byte order, the same bits."""
    a, b = (np.asarray(x) for x in (a, b))
    if a.dtype.kind in "OT" or b.dtype.kind in "OT":
        return a.shape == b.shape and [_text(x) for x in a.flat] == [_text(x) for x in b.flat]
    a, b = (np.ascontiguousarray(x).astype(x.dtype.newbyteorder("=")) for x in (a, b))
    return (
        a.shape == b.shape and a.dtype.itemsize == b.dtype.itemsize and a.tobytes() == b.tobytes()
    )


def _text(value: Any) -> Any:
    """Return a string for strings, which some libraries give as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def exchanged(case: Case, peer: Peer, folder: Path) -> str:
    """Exchange one case with one library.

    Returns:
        ``"both"``; ``"read"`` where the peer reads ours, but cannot write it so that it reads
        its own; ``"unsupported"`` where it can neither.

    Raises:
        AssertionError: Bits differ, or one side cannot read what both can write.
    """
    ours, theirs = folder / "ours", folder / "theirs"
    Ours().write(ours, case)
    expected = zb.open(ours)[...]
    assert same_bits(expected[WRITTEN], case.data()), f"{case}: not read back by ourselves"
    writes = _supported(lambda: peer.write(theirs, case))
    sound = writes and _supported(
        lambda: _assert_same(peer.read(theirs, case)[WRITTEN], case.data())
    )
    reads = _supported(lambda: _assert_same(peer.read(ours, case), expected))
    assert reads or not sound, f"{case}: {peer.name} reads its own array, and not ours"
    if not sound:
        return "read" if reads else "unsupported"
    assert same_bits(zb.open(theirs)[...], peer.read(theirs, case)), (
        f"{case}: we read other bits than {peer.name}"
    )
    return "both"


def _assert_same(actual: Any, expected: Any) -> None:
    """Fail where two arrays differ in a bit."""
    assert same_bits(actual, expected)


def _supported(call: Callable[[], object]) -> bool:
    """Whether a library does what it is asked."""
    try:
        call()
    except Exception:  # noqa: BLE001  # each library has its own way to say no
        return False
    return True


def table() -> str:
    """Exchange everything and return the Markdown table."""
    columns = list(product("CF", CODECS))
    titles = [f"{order} {codec}" for order, codec in columns]
    lines = [f"| data type | format | {' | '.join(titles)} |", "|---" * (len(titles) + 2) + "|"]
    for dtype, zarr_format in product(DTYPES, (2, 3)):
        cells = []
        for order, codec in columns:
            case = Case(dtype, zarr_format, order, codec)  # type: ignore[arg-type]  # product widens
            cells.append(_cell(case) if case.exists() else "")
        name = dtype.replace("|", "\\|")
        lines.append(f"| `{name}` | v{zarr_format} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(case: Case) -> str:
    """Return the letters of the libraries that a case was exchanged with."""
    letters = []
    for peer in PEERS:
        with TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = exchanged(case, peer, Path(folder))
        letters.append({"both": peer.letter, "read": peer.letter.lower()}.get(result, ""))
    return " ".join(filter(None, letters)) or "-"


def main() -> None:
    """Print the table, or put it between its markers in a README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="README that has the markers of the table")
    options = parser.parse_args()
    text = table()
    print(text)  # noqa: T201  # run as a script
    if options.write is not None:
        before, _, rest = options.write.read_text().partition("<!-- interop:begin -->\n")
        after = rest.partition("<!-- interop:end -->")[2]
        markers = ("<!-- interop:begin -->", "<!-- interop:end -->")
        options.write.write_text(f"{before}{markers[0]}\n{text}\n{markers[1]}{after}")


if __name__ == "__main__":
    main()
