"""Registering classes by hand, and what is said about those that do not fit."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends._storage.registry.published_backends import (
    DISTRIBUTION_OF_BACKEND,
    DISTRIBUTION_OF_SCHEME,
)


class Complete:
    """Fulfils the contract by its structure alone."""

    backend_id = "complete"

    @classmethod
    def create(cls, *, place: str = "here") -> Complete:
        """Connect."""
        backend = cls()
        backend.place = place
        return backend

    open = create

    def _nothing(self, *_: Any) -> None: ...

    read_chunk = write_chunk = delete_chunk = list_chunks = exists = _nothing
    read_metadata = write_metadata = _nothing


def variant(**members: Any) -> type:
    """Return a class like `Complete` with some members replaced."""
    return type("Variant", (Complete,), members)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Unregister what a test has registered."""
    before = set(zb.list_backends())
    yield
    for backend_id in set(zb.list_backends()) - before:
        zb.unregister(backend_id)


def test_a_registered_class_is_found() -> None:
    """A registered class is listed, known and returned."""
    zb.register(Complete)
    assert "complete" in zb.list_backends()
    assert zb.is_registered("complete")
    assert zb.get_backend("complete") is Complete


def test_register_is_a_decorator() -> None:
    """`register` returns the class that it was given."""
    assert zb.register(Complete) is Complete


def test_unregister_forgets() -> None:
    """An unregistered class is unknown again."""
    zb.register(Complete)
    zb.unregister("complete")
    assert not zb.is_registered("complete")
    with pytest.raises(zb.UnknownBackendError, match="'complete'"):
        zb.unregister("complete")


def test_info_of_a_registered_class() -> None:
    """Summary, options and capabilities are read from the class."""
    zb.register(Complete)
    info = zb.backend_info("complete")
    assert (info.state, info.distribution, info.error) == ("available", None, None)
    assert info.summary == "Fulfils the contract by its structure alone."
    (option,) = info.options
    assert (option.name, option.type, option.required) == ("place", "str", False)
    assert option.default == "'here'"
    assert info.capabilities == ()


def test_capabilities_are_found_by_structure() -> None:
    """A method of an optional protocol is enough to have it."""
    zb.register(variant(read_chunk_range=lambda *_: b""))
    assert zb.backend_info("complete").capabilities == ("SupportsRangeReads",)


def test_another_class_under_the_same_id_is_refused() -> None:
    """Two classes cannot be registered under one id."""
    zb.register(Complete)
    with pytest.raises(zb.ConfigurationError, match=r"taken by .*Complete") as caught:
        zb.register(variant())
    assert (caught.value.backend, caught.value.option) == ("complete", "backend_id")


def test_the_same_definition_may_come_again() -> None:
    """A cell that is run twice replaces its class."""
    zb.register(variant())
    again = zb.register(variant())
    assert zb.get_backend("complete") is again


def test_a_registered_class_stands_before_an_installed_one() -> None:
    """The installed one is still reached through its distribution."""
    mine = zb.register(variant(backend_id="memory"))
    try:
        assert zb.get_backend("memory") is mine
        assert zb.get_backend("zarr-backends:memory") is not mine
    finally:
        zb.unregister("memory")


def test_an_installed_backend_cannot_be_unregistered() -> None:
    """The error says how to do without it."""
    with pytest.raises(zb.ConfigurationError, match="ZARR_BACKENDS_DISABLE=zarr-backends:zip"):
        zb.unregister("zip")


def test_every_missing_member_is_named() -> None:
    """An empty class is told all that it misses, at once."""
    with pytest.raises(zb.InvalidBackendError) as caught:
        zb.register(type("Empty", (), {}))
    for name in ("create", "open", "read_chunk", "write_chunk", "read_metadata", "exists"):
        assert name in str(caught.value)
    for name in ("write_metadata", "list_chunks", "delete_chunk", "backend_id"):
        assert name in str(caught.value)


def test_abstract_methods_count_as_missing() -> None:
    """A key-value backend that leaves methods out is told which."""

    class Half(zb.KeyValueBackend):
        backend_id = "half"

    with pytest.raises(zb.InvalidBackendError, match="misses connect, delete, get, list_keys, set"):
        zb.register(Half)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"backend_id": 7}, "backend_id must be a str .* not 7"),
        ({"backend_id": "a:b"}, "not 'a:b'"),
        ({"exists": True}, "not callable: exists"),
        ({"create": lambda **_: None}, "create must be a class method"),
        ({"open": classmethod(lambda _, path: path)}, "open must take keyword-only .* not path"),
        ({"create": classmethod(lambda _, *args: args)}, "keyword-only parameters, not args"),
        ({"contract_version": 99}, "version 99 of the contract, and this is version 1"),
        ({"read_chunk": None}, "misses read_chunk"),
    ],
)
def test_wrong_members_are_refused(members: dict[str, Any], said: str) -> None:
    """What is wrong with a member is said."""
    with pytest.raises(zb.InvalidBackendError, match=said):
        zb.register(variant(**members))


def test_only_classes_can_be_registered() -> None:
    """An instance is refused."""
    with pytest.raises(zb.InvalidBackendError, match="must be a class"):
        zb.register(Complete())


@pytest.mark.parametrize("backend_id", ["memory", "filesystem", "zip"])
def test_the_core_s_own_are_installed_like_any_other(backend_id: str) -> None:
    """They are available, with their distribution and url scheme."""
    info = zb.backend_info(backend_id)
    assert (info.state, info.error) == ("available", None)
    assert info.distribution == "zarr-backends"
    assert info.schemes == (backend_id.replace("filesystem", "file"),)
    assert "SupportsKeys" in info.capabilities


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fileystem", "did you mean 'filesystem'\\?"),
        ("zarr-backends:nothing", "no backend 'zarr-backends:nothing'"),
        ("other-distribution:zip", "'zip' is, but not from a distribution 'other-distribution'"),
        ("s3://user:secret@bucket", "a url is given as the first argument"),
        ("xyzzy", "Installed are: .*filesystem"),
        ("", "no backend '' is installed"),
    ],
)
def test_an_unknown_id_is_answered_with_help(name: str, said: str) -> None:
    """The error says what is there and what may have been meant."""
    with pytest.raises(zb.UnknownBackendError, match=said) as caught:
        zb.get_backend(name)
    assert "secret" not in str(caught.value)


def test_what_we_publish_is_answered_with_its_distribution() -> None:
    """An id of ours that is not installed is answered with ``pip install``."""
    absent = set(DISTRIBUTION_OF_BACKEND) - set(zb.list_backends())
    for backend_id in absent:
        with pytest.raises(LookupError, match=f"pip install {DISTRIBUTION_OF_BACKEND[backend_id]}"):
            zb.get_backend(backend_id)


def test_the_core_s_distribution_names_itself() -> None:
    """The published table and the metadata of this distribution agree."""
    ours = {name for name, where in DISTRIBUTION_OF_BACKEND.items() if where == "zarr-backends"}
    schemes = {name for name, where in DISTRIBUTION_OF_SCHEME.items() if where == "zarr-backends"}
    infos = [zb.backend_info(name) for name in ours]
    assert {info.distribution for info in infos} == {"zarr-backends"}
    assert {scheme for info in infos for scheme in info.schemes} == schemes


def test_errors_survive_pickling() -> None:
    """A worker process hands them back whole."""
    with pytest.raises(zb.UnknownBackendError) as caught:
        zb.backend_info("xyzzy")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
