"""Options and urls, and the errors about them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from zarr_backends import ConfigurationError, PermissionDeniedError, resolve
from zarr_backends_compliance.services import Service
from zarr_backends_sql import SqlBackend

SECRET = "s3cret-hunter2"  # noqa: S105  # no real one


def test_a_url_names_the_array_in_its_query() -> None:
    """What is ours leaves the url; what is the database's own stays in it."""
    found = SqlBackend.options_from_url(
        "postgresql://h/db?sslmode=prefer&array_id=run/1%20a&table=t"
    )
    assert found == {"url": "postgresql://h/db?sslmode=prefer", "array_id": "run/1 a", "table": "t"}


@pytest.mark.parametrize(
    "scheme", ["sqlite:///x.db", "postgresql://h/d", "mysql://h/d", "mariadb://h/d"]
)
def test_every_scheme_leads_here(scheme: str) -> None:
    """The registry knows the four schemes."""
    assert resolve(scheme)[0] is SqlBackend


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", "sqlite:///"), ("url", "sqlite://relative.db"), ("url", "sqlite:///:memory:"),
        ("url", "oracle://h/d"), ("url", "sqlite:////tmp"), ("array_id", ""), ("array_id", "a\0b"),
        ("array_id", "x" * 513), ("table", "a b"), ("table", "1a"), ("durability", "none"),
        ("timeout_s", 0), ("timeout_s", True), ("max_concurrency", 0), ("read_url", "x"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(option: str, value: object, tmp_path: Path) -> None:
    """The error says which option it is about."""
    options: dict[str, Any] = {"url": f"sqlite:///{tmp_path}/a.db", option: value}
    with pytest.raises(ConfigurationError) as caught:
        SqlBackend.create(**options)
    assert caught.value.option == option


@pytest.mark.parametrize(
    "url", [f"postgresql://u:{SECRET}@h:port/d", f"mysql://u:{SECRET}@h:port/d"]
)
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    """Neither the error nor what it came from has the password."""
    with pytest.raises(ConfigurationError) as caught:
        SqlBackend.create(url=url)
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"


def test_a_repr_has_the_place_and_no_password() -> None:
    """User, hosts, database, table and array."""
    shown = repr(SqlBackend.create(url=f"postgresql://me:{SECRET}@a:1,b:2/db?password={SECRET}"))
    assert shown == "<SqlBackend postgresql://me@a:1,b:2/db table='zarr_storage' array_id='array'>"


def test_connecting_creates_nothing(tmp_path: Path) -> None:
    """A file is made by the first write, with its folder."""
    backend = SqlBackend.create(url=f"sqlite:///{tmp_path}/folder/a.db")
    assert not backend.exists()
    assert not list(backend.list_keys())
    assert not (tmp_path / "folder").exists()
    backend.set("k", b"v")
    assert pickle.loads(pickle.dumps(backend)).get("k") == b"v"


def test_a_wrong_password_is_denied(postgresql: Service) -> None:
    """It is told from a server that is away."""
    url = postgresql.url.replace(postgresql.options["password"], "wrong")
    with pytest.raises(PermissionDeniedError, match="password authentication failed"):
        SqlBackend.create(url=url).get("k")


def test_a_database_that_is_not_there_is_a_matter_of_the_url(postgresql: Service) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError, match="does not exist") as caught:
        SqlBackend.create(url=postgresql.url.replace("/postgres?", "/nowhere?")).get("k")
    assert caught.value.option == "url"
