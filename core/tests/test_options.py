"""Checking options against the signature of a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends._storage.registry.options import check_options, parameters_of, type_text


class Plain:
    """Its two class methods take different options."""

    backend_id = "plain"

    @classmethod
    def create(cls, *, bucket: str, prefix: str = "", timeout_s: float | None = 30) -> None:
        """Connect."""

    @classmethod
    def open(cls, *, bucket: str, version: int = 0) -> None:
        """Connect."""


class Anything:
    """Takes whatever it is given, and one option of its own."""

    backend_id = "anything"

    @classmethod
    def create(cls, *, name: str, **others: Any) -> None:
        """Connect."""

    open = create


class KeyValue(zb.KeyValueBackend):
    """Declares its options on `connect`."""

    backend_id = "key_value"

    def connect(self, *, host: str, port: int = 80) -> None:
        """Connect."""

    def get(self, key: str) -> None:
        """Have nothing."""

    def set(self, key: str, value: zb.Buffer) -> None:
        """Keep nothing."""

    def delete(self, key: str) -> None:
        """Do nothing."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield nothing."""
        yield from [prefix][:0]


class Generous(KeyValue):
    """A key-value backend that takes anything."""

    def connect(self, *, host: str, **others: Any) -> None:
        """Connect."""


class OwnCreate(KeyValue):
    """Adds an option on the way to `connect`."""

    @classmethod
    def create(cls, *, profile: str = "", **options: Any) -> OwnCreate:
        """Connect."""
        return super().create(host=profile, **options)


@pytest.mark.parametrize(
    ("backend", "method", "names"),
    [
        (Plain, "create", ["bucket", "prefix", "timeout_s"]),
        (Plain, "open", ["bucket", "version"]),
        (Anything, "create", ["name"]),
        (KeyValue, "create", ["host", "port"]),
        (KeyValue, "open", ["host", "port"]),
        (Generous, "create", ["host"]),
        (OwnCreate, "create", ["profile", "host", "port"]),
        (OwnCreate, "open", ["profile", "host", "port"]),
    ],
)
def test_parameters_are_the_keyword_only_ones(backend: type, method: Any, names: list[str]) -> None:
    """Options are found where a class declares them, in its order."""
    assert list(parameters_of(backend, method)) == names


def test_types_are_given_as_written() -> None:
    """An annotation stays the text that its author wrote."""
    parameters = parameters_of(Plain)
    assert type_text(parameters["timeout_s"]) == "float | None"


@pytest.mark.parametrize("annotation", [int, "int"])
def test_types_without_postponed_annotations(annotation: Any) -> None:
    """An annotation that is a class is written by its name."""

    class Old(Plain):
        @classmethod
        def create(cls, *, size: Any, other: Any = 1) -> None:
            """Connect."""

    Old.create.__func__.__annotations__ = {"size": annotation}
    texts = [type_text(parameter) for parameter in parameters_of(Old).values()]
    assert texts == ["int", ""]


def test_right_options_pass() -> None:
    """Required ones alone, or with others beside them; a mapping or names."""
    check_options(Plain, {"bucket": "b"})
    check_options(Plain, ["bucket", "prefix"])
    check_options(Plain, {"bucket": "b", "version": 1}, "open")
    check_options(KeyValue, {"host": "h"})


@pytest.mark.parametrize("backend", [Anything, Generous])
def test_open_ended_classes_take_anything(backend: type) -> None:
    """A class with ``**`` of its own is given everything."""
    required = next(iter(parameters_of(backend)))
    check_options(backend, {required: 1, "whatever": 2})
    with pytest.raises(zb.ConfigurationError, match=f"needs the option '{required}'"):
        check_options(backend, {"whatever": 2})


@pytest.mark.parametrize(
    ("backend", "name", "nearest"),
    [(Plain, "buckett", "bucket"), (Plain, "timeout", "timeout_s"), (KeyValue, "hots", "host")],
)
def test_a_misspelt_option_is_answered_with_the_nearest(
    backend: type, name: str, nearest: str
) -> None:
    """The error names the right one and carries the wrong one."""
    with pytest.raises(zb.ConfigurationError, match=f"did you mean '{nearest}'") as caught:
        check_options(backend, {name: 1})
    assert (caught.value.backend, caught.value.option) == (backend.backend_id, name)


def test_a_strange_option_is_answered_with_the_list() -> None:
    """Where nothing is near, all options are named, and no value is shown."""
    with pytest.raises(ValueError, match="Its options are: bucket, prefix, timeout_s") as caught:
        check_options(Plain, {"bucket": "b", "xyz": "secret"})
    assert "secret" not in str(caught.value)


def test_an_option_of_the_other_method_is_refused() -> None:
    """What `open` alone takes is unknown to `create`."""
    with pytest.raises(zb.ConfigurationError, match="no option 'version'"):
        check_options(Plain, {"bucket": "b", "version": 1})


def test_a_missing_option_is_named_with_its_type() -> None:
    """The error says what to write."""
    with pytest.raises(zb.ConfigurationError, match=r"needs the option 'bucket' \(str\)") as caught:
        check_options(Plain, {})
    assert caught.value.option == "bucket"
