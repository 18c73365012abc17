"""What all wrappers have in common: inner backends, capabilities, pickles, closing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import zarr_backends as zb
from zarr_backends_wrappers._inner import is_same_place

_ONE = (
    "cache",
    "checksum",
    "circuit_breaker",
    "content_addressed",
    "instrumented",
    "latency",
    "mock",
    "prefix_partitioned",
    "quota",
    "read_only",
    "retry",
)
_MANY = {"replicated": ("near", "far"), "tiered": ("hot", "cold")}
_ALL = (*_ONE, *_MANY)
_CAPABILITIES = (
    zb.SupportsAtomicUpdate,
    zb.SupportsBatches,
    zb.SupportsBatchReads,
    zb.SupportsFlush,
    zb.SupportsKeys,
    zb.SupportsRangeReads,
    zb.SupportsSizes,
    zb.SupportsSnapshots,
    zb.SupportsTransactions,
)


class Bare:
    """The ten members over a backend in memory, and no capability."""

    backend_id = "bare"

    def __init__(self, inner: Any) -> None:
        """Take the backend in memory."""
        self.inner = inner

    @classmethod
    def create(cls, *, inner: Any = None) -> Any:
        """Connect."""
        return cls(inner or zb.get_backend("memory").create())

    open = create

    def read_chunk(self, index: Any) -> Any:
        """Read."""
        return self.inner.read_chunk(index)

    def write_chunk(self, index: Any, data: Any) -> None:
        """Write."""
        self.inner.write_chunk(index, data)

    def read_metadata(self) -> Any:
        """Read the document."""
        return self.inner.read_metadata()

    def write_metadata(self, metadata: Any, zarr_format: Any) -> None:
        """Write the document."""
        self.inner.write_metadata(metadata, zarr_format)

    def list_chunks(self) -> Any:
        """List."""
        return self.inner.list_chunks()

    def delete_chunk(self, index: Any) -> None:
        """Delete."""
        self.inner.delete_chunk(index)

    def exists(self) -> Any:
        """Tell."""
        return self.inner.exists()


def options_of(storage: str, inner: Any) -> Any:
    """Return the options of a wrapper over one or, by names, several inner backends."""
    if storage in _MANY:
        return {"inner": dict(zip(_MANY[storage], inner(2), strict=True))}
    return {"inner": inner(1)[0], **({"latency_s": 0} if storage == "latency" else {})}


def in_memory(count: int) -> Any:
    """Return several places in memory."""
    return [zb.get_backend("memory").create(name=uuid4().hex) for _ in range(count)]


@pytest.mark.parametrize("storage", _ALL)
def test_an_array_is_written_and_read(storage: str) -> None:
    """An array over a wrapper keeps what is written, whole and in part."""
    options = options_of(storage, in_memory)
    if storage == "read_only":
        options["enabled"] = False
    a = zb.create(storage=storage, shape=(40, 40), chunks=(7, 7), dtype="int32", **options)
    a[...] = np.arange(1600).reshape(40, 40)
    a[3:5, 10:20] = -1
    expected = np.arange(1600).reshape(40, 40)
    expected[3:5, 10:20] = -1
    assert np.array_equal(a[...], expected)


@pytest.mark.parametrize("storage", ["retry", "mock", "read_only", "instrumented"])
@pytest.mark.parametrize("kind", ["memory", "filesystem", "zip", "bare"])
def test_an_interceptor_has_exactly_the_capabilities_of_its_inner_one(
    storage: str, kind: str, tmp_path: Path
) -> None:
    """No capability appears, none is lost, but that it can always be closed."""
    places = {"filesystem": tmp_path / "f", "zip": tmp_path / "z.zip"}
    cls = Bare if kind == "bare" else zb.get_backend(kind)
    inner = cls.create(**({"path": places[kind]} if kind in places else {}))
    wrapper = zb.get_backend(storage).create(inner=inner)
    for capability in _CAPABILITIES:
        assert isinstance(wrapper, capability) == isinstance(inner, capability), capability
    wrapper.close()


@pytest.mark.parametrize("storage", ["checksum", "cache", "quota"])
@pytest.mark.parametrize("kind", ["memory", "filesystem", "bare"])
def test_a_transformer_passes_on_the_capabilities_of_its_inner_one(
    storage: str, kind: str, tmp_path: Path
) -> None:
    """It has keys beside them; ranges, batches, updates only if the inner one has."""
    cls = Bare if kind == "bare" else zb.get_backend(kind)
    inner = cls.create(**({"path": tmp_path / "f"} if kind == "filesystem" else {}))
    wrapper = zb.get_backend(storage).create(inner=inner)
    for capability in set(_CAPABILITIES) - {zb.SupportsKeys}:
        assert isinstance(wrapper, capability) == isinstance(inner, capability), capability


@pytest.mark.parametrize("storage", ["checksum", "cache", "quota", "retry", "mock"])
def test_a_backend_of_ten_members_can_be_wrapped(storage: str) -> None:
    """Nothing more than the ten members is needed."""
    a = zb.create(storage=storage, inner=Bare.create(), shape=10, chunks=3, dtype="int16")
    a[2:7] = 5
    assert a[...].tolist() == [0, 0, 5, 5, 5, 5, 5, 0, 0, 0]


@pytest.mark.parametrize("storage", ["content_addressed", "prefix_partitioned"])
def test_who_needs_keys_says_so(storage: str) -> None:
    """A backend of one array has no place for blobs and partitions."""
    with pytest.raises(zb.ConfigurationError, match="has no place for other keys"):
        zb.get_backend(storage).create(inner=Bare.create())


@pytest.mark.parametrize("storage", _ALL)
def test_a_wrapper_is_pickled_with_its_options(storage: str, tmp_path: Path) -> None:
    """What comes out of a pickle is equal, and at the same place."""

    def in_files(count: int) -> Any:
        return [zb.get_backend("filesystem").create(path=tmp_path / f"{i}") for i in range(count)]

    backend = zb.get_backend(storage).create(**options_of(storage, in_files))
    again = pickle.loads(pickle.dumps(backend))
    assert again == backend
    assert type(again) is type(backend)
    assert is_same_place(next(again.inners()), next(backend.inners()))


def test_wrappers_stack_in_any_order(memory: Callable[..., Any], document: dict[str, Any]) -> None:
    """Each serves the contract that it takes."""
    for order in (("cache", "retry", "checksum"), ("checksum", "cache", "mock", "quota")):
        backend = memory(with_array=False)
        for storage in order:
            backend = zb.get_backend(storage).create(inner=backend)
        backend.write_metadata(document, 3)
        backend.write_chunk((3,), b"value")
        assert bytes(backend.read_chunk((3,))) == b"value"
        assert list(backend.list_chunks()) == [(3,)]


@pytest.mark.parametrize(
    "inner",
    [
        "memory://inner-forms/a",
        {"storage": "memory", "name": "inner-forms", "prefix": "a"},
        {"target": "memory://inner-forms", "prefix": "a"},
    ],
)
def test_an_inner_backend_is_a_url_or_a_mapping(inner: Any) -> None:
    """Both mean the same place."""
    a = zb.create(storage="retry", inner=inner, shape=3, dtype="int8", overwrite=True)
    a[:] = 3
    assert zb.open("memory://inner-forms/a")[...].tolist() == [3, 3, 3]


@pytest.mark.parametrize("inner", [None, 5, {}, {"name": "a"}, zb.get_backend("memory")])
def test_what_is_no_backend_is_refused(inner: Any) -> None:
    """The error says what an inner backend can be."""
    with pytest.raises(zb.ConfigurationError) as caught:
        zb.get_backend("retry").create(inner=inner)
    assert caught.value.option == "inner"


def test_a_misspelt_option_of_the_inner_backend_is_answered() -> None:
    """As the core answers its own."""
    with pytest.raises(zb.ConfigurationError, match="did you mean 'prefix'"):
        zb.get_backend("retry").create(inner={"storage": "memory", "prefx": "a"})


@pytest.mark.parametrize("storage", _ALL)
def test_opening_nothing_is_an_error(storage: str, tmp_path: Path) -> None:
    """The error is the wrapper's own."""
    place = {"storage": "filesystem", "path": tmp_path / "nothing"}
    inner = dict.fromkeys(_MANY[storage], place) if storage in _MANY else place
    with pytest.raises(zb.ArrayNotFoundError) as caught:
        zb.get_backend(storage).open(inner=inner)
    assert caught.value.backend == storage


def test_closing_closes_the_inner_one(tmp_path: Path) -> None:
    """A write to a closed archive is there for others."""
    with zb.get_backend("retry").create(inner=str(tmp_path / "a.zip")) as backend:
        backend.set("zarr.json", b"{}")
    assert bytes(zb.get_backend("zip").create(path=tmp_path / "a.zip").get("zarr.json")) == b"{}"


def test_a_repr_shows_the_inner_backend(wrap: Callable[..., Any]) -> None:
    """With what that shows of itself."""
    backend = wrap("retry")
    assert repr(backend) == f"<RetryBackend inner={backend.inner!r}>"


@pytest.mark.parametrize(
    ("storage", "option", "value"),
    [
        ("retry", "attempts", 0),
        ("retry", "deadline_s", -1),
        ("circuit_breaker", "recovery_s", 0),
        ("latency", "distribution", "wild"),
        ("mock", "error_rate", 1.5),
        ("mock", "error", "SystemExit"),
        ("mock", "fail_on", ["read_chunks_of"]),
        ("mock", "fail_on", "read_chunk"),
        ("mock", "fail_nth", {"get": 0}),
        ("cache", "max_nbytes", -1),
        ("quota", "max_chunks", 1.5),
        ("content_addressed", "algorithm", "md5"),
        ("prefix_partitioned", "partitions", 10_000),
        ("instrumented", "log", "yes"),
        ("read_only", "enabled", 1),
    ],
)
def test_impossible_values_are_refused(
    wrap: Callable[..., Any], storage: str, option: str, value: Any
) -> None:
    """The error names the option and what it takes."""
    with pytest.raises(zb.ConfigurationError, match="must be") as caught:
        wrap(storage, **{option: value})
    assert caught.value.option == option
