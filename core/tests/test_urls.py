"""From urls, paths and ``storage=`` to a backend class and its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends._storage.redaction import redact
from zarr_backends._storage.urls import resolve


class Server:
    """Takes its urls apart by itself."""

    backend_id = "server"

    @classmethod
    def create(cls, *, host: str, port: int = 80, password: str = "") -> Server:
        """Connect."""
        backend = cls()
        backend.options = (host, port, password)
        return backend

    open = create

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Take ``scheme://host:port``."""
        host, _, port = url.partition("://")[2].partition(":")
        return {"host": host, "port": int(port)} if port else {"host": host}

    def _nothing(self, *_: Any) -> None: ...

    read_chunk = write_chunk = delete_chunk = list_chunks = exists = _nothing
    read_metadata = write_metadata = _nothing


class Verbatim(Server):
    """Is given the url as it is."""

    backend_id = "verbatim"
    options_from_url = None

    @classmethod
    def create(cls, *, url: str, echo: bool = False) -> Verbatim:
        """Connect."""
        backend = cls()
        backend.options = (url, 0, str(echo))
        return backend

    open = create


class Neither(Verbatim):
    """Has nothing to do with urls or paths."""

    backend_id = "neither"

    @classmethod
    def create(cls, *, table: str) -> Neither:
        """Connect."""
        backend = cls()
        backend.options = (table, 0, "")
        return backend

    open = create


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    """Make the classes known by their ids."""
    classes = (Server, Verbatim, Neither)
    for backend in classes:
        zb.register(backend)
    yield
    for backend in classes:
        zb.unregister(backend.backend_id)


# --- Paths ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "backend_id"),
    [
        ("data/run.zarr", "filesystem"),
        ("/absolute/run", "filesystem"),
        ("./x", "filesystem"),
        ("C:\\data\\run.zarr", "filesystem"),
        ("C:/data/run.zarr", "filesystem"),
        ("\\\\server\\share\\run", "filesystem"),
        ("12:30 o'clock", "filesystem"),
        ("note: one", "filesystem"),
        ("a:b://c", "filesystem"),
        ("run.zip/inside", "filesystem"),
        ("run.zip", "zip"),
        ("C:\\data\\RUN.ZIP", "zip"),
        ("~user/x", "filesystem"),
    ],
)
def test_a_path_is_kept_as_it_is(target: str, backend_id: str) -> None:
    """Everything that is no url is a path, and its end says what is there."""
    backend, options = resolve(target, None, {})
    assert (backend.backend_id, options) == (backend_id, {"path": target})


def test_a_path_object_is_a_path() -> None:
    """Whatever has ``__fspath__`` will do."""
    assert resolve(PurePosixPath("a/b.zip"), None, {})[1] == {"path": "a/b.zip"}


def test_the_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A leading tilde is what a shell would make of it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Path(resolve("~/x.zarr", None, {})[1]["path"]) == tmp_path / "x.zarr"
    assert Path(resolve("~", None, {})[1]["path"]) == tmp_path


def test_storage_overrides_the_end_of_a_path() -> None:
    """An archive may have any name."""
    backend, options = resolve("run.bin", "zip", {})
    assert (backend.backend_id, options) == ("zip", {"path": "run.bin"})


def test_a_backend_without_paths_says_so() -> None:
    """The error names the options that it has."""
    with pytest.raises(zb.ConfigurationError, match=r"takes no path .*: table"):
        resolve("some/path", "neither", {})


@pytest.mark.parametrize("target", [Path("s3://bucket/run"), "s3:/bucket/run", Path("memory:")])
def test_a_url_that_lost_a_slash_is_refused(target: Any) -> None:
    """It would otherwise become a local folder of that name."""
    with pytest.raises(zb.ConfigurationError, match="pathlib cannot hold urls"):
        resolve(target, None, {})


@pytest.mark.parametrize("target", [7, b"x", ["x"], Server, ""])
def test_other_things_are_refused(target: Any) -> None:
    """A target is a non-empty string or a path."""
    with pytest.raises(zb.ConfigurationError, match="the place of an array") as caught:
        resolve(target, None, {})
    assert caught.value.option == "target"


# --- Urls -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "backend_id"),
    [
        ("memory:", "memory"),
        ("memory://", "memory"),
        ("Memory://name", "memory"),
        ("memory:name", "memory"),
        ("file:///data/run", "filesystem"),
        ("file:/data/run", "filesystem"),
        ("zip:///data/run.zip", "zip"),
    ],
)
def test_the_scheme_chooses_the_backend(url: str, backend_id: str) -> None:
    """Upper or lower case, with or without slashes."""
    assert resolve(url, None, {})[0].backend_id == backend_id


def test_file_urls_and_paths_mean_the_same() -> None:
    """A file url is a path with a scheme before it."""
    assert resolve("file:///data/run", None, {}) == resolve("/data/run", None, {})


def test_storage_names_the_backend_for_a_url() -> None:
    """The url is given to that class, whatever its scheme."""
    assert resolve("s3://host:9", "server", {}) == (Server, {"host": "host", "port": 9})
    assert resolve("s3://host", Server, {}) == (Server, {"host": "host"})


def test_a_url_is_given_whole_to_a_backend_with_that_option() -> None:
    """Only the scheme is put into lower case, and the slashes are there."""
    assert resolve("SQLite:X.db", "verbatim", {}) == (Verbatim, {"url": "sqlite://X.db"})
    url = "postgresql+psycopg://Me@host/Db?a=b"
    assert resolve(url, "verbatim", {})[1] == {"url": url}


def test_a_backend_without_urls_says_so() -> None:
    """The error names the options that it has, and no password."""
    with pytest.raises(zb.ConfigurationError, match=r"takes no urls .*: table") as caught:
        resolve("s3://me:hunter2@host", "neither", {})
    assert "hunter2" not in str(caught.value)


def test_a_url_that_the_backend_cannot_read_is_quoted_without_its_password() -> None:
    """Neither the message nor the traceback shows it."""
    with pytest.raises(zb.ConfigurationError, match="cannot read the url 's3://me:\\*") as caught:
        resolve("s3://me:hunter2@host", "server", {})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "distribution"),
    [
        ("s3://bucket", "zarr-backends-s3"),
        ("gs://bucket", "zarr-backends-gcs"),
        ("obstore+s3://bucket", "zarr-backends-obstore"),
        ("postgresql+psycopg://me:hunter2@host/db", "zarr-backends-sql"),
        ("mongodb+srv://host", "zarr-backends-mongodb"),
    ],
)
def test_a_scheme_that_is_not_installed_says_what_brings_it(url: str, distribution: str) -> None:
    """The error is a ``pip install`` away from its solution."""
    if distribution.removeprefix("zarr-backends-") in _installed_names():
        pytest.skip(f"{distribution} is installed here")
    with pytest.raises(zb.UnknownBackendError, match=f"pip install {distribution}") as caught:
        resolve(url, None, {})
    assert "hunter2" not in str(caught.value)


def _installed_names() -> set[str]:
    """Return the ends of the names of our distributions that are installed."""
    infos = [zb.backend_info(name) for name in zb.list_backends()]
    return {(info.distribution or "").removeprefix("zarr-backends-") for info in infos}


def test_a_misspelt_scheme_is_answered_with_the_nearest() -> None:
    """What is installed is said as well."""
    with pytest.raises(LookupError, match=r"'memry', did you mean 'memory'\? Installed are: file"):
        resolve("memry://x", None, {})


# --- Options and storage ----------------------------------------------------------------


def test_options_add_to_a_url() -> None:
    """What the url does not say is given beside it."""
    merged = resolve("s3://host", "server", {"port": 1, "password": "p"})[1]
    assert merged == {"host": "host", "port": 1, "password": "p"}


def test_an_option_may_say_what_the_url_says() -> None:
    """The same value twice is no contradiction."""
    assert resolve("s3://host", "server", {"host": "host"})[1] == {"host": "host"}


def test_an_option_that_contradicts_the_url_is_refused() -> None:
    """The error names the option and no value."""
    with pytest.raises(zb.ConfigurationError, match=r"option 'host' .* give it once") as caught:
        resolve("s3://host", "server", {"host": "hunter2"})
    assert (caught.value.option, caught.value.backend) == ("host", "server")
    assert "hunter2" not in str(caught.value)


def test_storage_alone_takes_its_options() -> None:
    """Without a target the options say the place; they are not checked here."""
    options = {"table": "t"}
    backend, resolved = resolve(None, "neither", options)
    assert (backend, resolved) == (Neither, options)
    assert resolved is not options


def test_something_must_be_given() -> None:
    """Neither a target nor storage is an error with a remedy."""
    with pytest.raises(zb.ConfigurationError, match="give a url, a path, or storage="):
        resolve(None, None, {})


def test_storage_may_be_a_class_that_nobody_registered() -> None:
    """It is looked at as closely as a registered one."""
    unknown = type("Unknown", (Server,), {"backend_id": "unknown"})
    assert resolve(None, unknown, {})[0] is unknown
    with pytest.raises(zb.InvalidBackendError, match="storage=int does not fulfil"):
        resolve(None, int, {})


def test_storage_of_another_kind_is_refused() -> None:
    """A connected backend is a target, not a storage."""
    with pytest.raises(zb.ConfigurationError, match="storage must be a backend id or class"):
        resolve(None, Server.create(host="h"), {})


# --- Redaction --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/run@v1", "s3://bucket/run@v1"),
        ("http://host:8080/a?page=2#top", "http://host:8080/a?page=2#top"),
        ("redis://me:pw@host/0", "redis://me:***@host/0"),
        ("redis://:pw@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://me:p@w/x?y#z@host/0", "redis://me:***@host/0"),
        ("postgresql+psycopg://me:p\nw@host/db", "postgresql+psycopg://me:***@host/db"),
        ("az://c/x?sv=1&sig=abc%3D&se=2", "az://c/x?sv=1&sig=***&se=2"),
        ("s3://b?X-Amz-Credential=a&x=1", "s3://b?X-Amz-Credential=***&x=1"),
        ("s3://b?access_KEY=a;Token=b#secret=c", "s3://b?access_KEY=***;Token=***#secret=***"),
        (
            "http://h?p%61ssword=a&connectionString=b",
            "http://h?p%61ssword=***&connectionString=***",
        ),
        ("http://h?key", "http://h?key"),
    ],
)
def test_secrets_of_a_url_are_not_shown(url: str, shown: str) -> None:
    """Password and secret-looking parameters give way to three stars."""
    assert redact(url) == shown


@pytest.mark.parametrize("scheme", ["file", "memory", "zip"])
def test_embedded_backends_quote_urls_without_a_password(scheme: str) -> None:
    """A url for another backend, given to one of these by mistake, stays secret."""
    with pytest.raises(zb.ConfigurationError) as caught:
        resolve(f"{scheme}://me:hunter2@host/a?x=1", None, {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_text_that_is_no_url_is_refused_by_the_backend_itself(scheme: str) -> None:
    """Half an address in brackets cannot be taken apart."""
    with pytest.raises(zb.ConfigurationError, match="is no url"):
        zb.get_backend({"file": "filesystem"}.get(scheme, scheme)).options_from_url(
            f"{scheme}://[half"
        )
