"""The backend ``gcs``: an array, or a whole hierarchy, as objects of a bucket."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from zarr_backends import ConfigurationError
from zarr_backends_fsspec import (
    ErrorTable,
    ObjectBackend,
    checked_bool,
    checked_count,
    checked_mapping,
    checked_prefix,
    checked_seconds,
    checked_text,
    frozen,
)
from zarr_backends_gcs._credentials import default_credentials, given_credentials
from zarr_backends_gcs._errors import GCS_ERRORS

__all__ = ["GcsBackend"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")

_EMULATOR = "STORAGE_EMULATOR_HOST"

_OWN = {
    "token": "credentials= or anon=True",
    "endpoint_url": "endpoint_url=",
    "project": "project=",
    "requester_pays": "requester_pays=",
}
"""Arguments of the file system that are options here, and their names."""


class GcsBackend(ObjectBackend):
    """Keeps values as objects below a prefix of a bucket."""

    backend_id: ClassVar[str] = "gcs"
    errors: ClassVar[ErrorTable] = GCS_ERRORS

    def connect(  # type: ignore[override]  # noqa: PLR0913  # options of its own
        self,
        *,
        bucket: str,
        prefix: str = "",
        project: str | None = None,
        credentials: str | Mapping[str, Any] | None = None,
        anon: bool = False,
        endpoint_url: str | None = None,
        storage_class: str | None = None,
        requester_pays: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        max_attempts: int = 6,
        timeout_s: float = 30.0,
        max_concurrency: int = 64,
    ) -> None:
        """Take the place; nothing is connected before the first request.

        Args:
            bucket: Name of the bucket.
            prefix: Place of the array in it, with or without slashes at the ends.
            project: Project that pays, where `requester_pays`.
            credentials: Path of a JSON file with credentials, or what stands in one. Without
                it, the application default credentials are looked for.
            anon: Send no credentials, for public buckets.
            endpoint_url: Of an emulator or a private endpoint; ``STORAGE_EMULATOR_HOST`` by
                default. To one of plain http no credentials are sent that are not given.
            storage_class: Class of new objects, such as ``"NEARLINE"``.
            requester_pays: Have `project` pay for requests to a bucket of others.
            storage_options: Further arguments of ``gcsfs.GCSFileSystem``.
            max_attempts: How often a request is made at most that fails for a passing reason.
            timeout_s: Seconds that one request may take, attempts and pauses included.
            max_concurrency: Requests, and connections, at a time.

        Raises:
            ConfigurationError: An option is wrong, or two contradict each other.
        """
        me = self.backend_id
        place = _checked_bucket(checked_text("bucket", bucket, backend=me))
        prefix = checked_prefix("prefix", prefix, backend=me)
        anon = checked_bool("anon", anon, backend=me)
        endpoint = _endpoint(endpoint_url)
        arguments = _checked_arguments(storage_options)
        login = _checked_credentials(credentials, anon=anon)
        self._options = {**self._options, "credentials": credentials and login}
        if login is None and (anon or endpoint.startswith("http://")):
            login = "anon"
        pays = checked_bool("requester_pays", requester_pays, backend=me)
        options: dict[str, Any] = {
            "bucket": place,
            "max_attempts": checked_count("max_attempts", max_attempts, backend=me),
            "properties": _given("storageClass", "storage_class", storage_class),
            "parameters": _payer(project, pays=pays),
            "timeout_s": checked_seconds("timeout_s", timeout_s, backend=me),
            "max_concurrency": checked_count("max_concurrency", max_concurrency, backend=me),
        }
        self.attach(
            _files_maker({**arguments, "endpoint_url": endpoint or None}, login, **options),
            root=f"{place}/{prefix}" if prefix else place,
            shown=f"gs://{place}/{prefix}",
            share=(endpoint, frozen(arguments), frozen(login), frozen(options)),
            timeout_s=options["timeout_s"],
            max_concurrency=options["max_concurrency"],
            forbidden="\r\n",
        )

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return bucket and prefix of a url such as ``gs://bucket/run%201``, decoded.

        Raises:
            ConfigurationError: It has no bucket, or has credentials in it.
        """
        bucket, _, prefix = url.partition("://")[2].partition("/")
        if "@" in bucket:
            message = "a gs url has no credentials in it; give credentials= beside it"
            raise ConfigurationError(message, backend=cls.backend_id, option="target")
        return {"bucket": _checked_bucket(unquote(bucket)), "prefix": unquote(prefix)}


def _checked_bucket(bucket: str) -> str:
    """Return the name of a bucket.

    Raises:
        ConfigurationError: No bucket can be called so.
    """
    if not _BUCKET.fullmatch(bucket):
        message = (
            f"option bucket: {bucket!r:.80} is no name of a bucket; the place in it is the prefix, "
            "and a url is gs://bucket/prefix"
        )
        raise ConfigurationError(message, backend="gcs", option="bucket")
    return bucket


def _given(name: str, option: str, value: str | None) -> dict[str, str]:
    """Return a property that has an option of its own; nothing where that is not given."""
    if value is None:
        return {}
    return {name: checked_text(option, value, backend="gcs")}


def _payer(project: str | None, *, pays: bool) -> dict[str, str]:
    """Return the parameter that says who pays.

    Raises:
        ConfigurationError: Nobody is named.
    """
    payer = _given("userProject", "project", project)
    if pays and not payer:
        message = "option requester_pays needs project= beside it: the one that pays"
        raise ConfigurationError(message, backend="gcs", option="requester_pays")
    return payer if pays else {}


def _checked_arguments(storage_options: object) -> dict[str, Any]:
    """Return further arguments of the file system.

    Raises:
        ConfigurationError: One of them has an option of its own.
    """
    given = checked_mapping("storage_options", storage_options, backend="gcs")
    for name in set(given) & set(_OWN):
        message = f"option storage_options: {name!r} is not for it; give {_OWN[name]}"
        raise ConfigurationError(message, backend="gcs", option="storage_options")
    return given


def _endpoint(endpoint_url: str | None) -> str:
    """Return the address of an emulator or a private endpoint, "" for Google's.

    Raises:
        ConfigurationError: It is no address.
    """
    needed = endpoint_url is not None
    given = checked_text("endpoint_url", endpoint_url, backend="gcs", needed=needed)
    named = given or os.environ.get(_EMULATOR, "")
    if named == "default" and not given:  # as gcsfs has it
        return ""
    if named and "://" not in named:
        named = f"http://{named}"
    parts = urlsplit(named)
    is_address = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if named and (not is_address or parts.path.strip("/") or parts.query or parts.fragment):
        source = "option endpoint_url" if given else f"the variable {_EMULATOR}"
        message = f"{source}: must be like http://host:port, without path, user and query"
        raise ConfigurationError(message, backend="gcs", option="endpoint_url")
    return named.rstrip("/")


def _checked_credentials(given: object, *, anon: bool) -> str | dict[str, Any] | None:
    """Return credentials as a mapping or the absolute path of a file, None if there are none.

    Raises:
        ConfigurationError: They are of no such kind, or the file is missing.
    """
    if given is None:
        return None
    if anon:
        message = "option anon=True sends no credentials: leave credentials out"
    elif isinstance(given, str | os.PathLike):
        path = Path(given).expanduser().absolute()
        if path.is_file():
            return str(path)
        message = "option credentials: there is no such file; it is a path, or a mapping"
    else:
        return checked_mapping("credentials", given, backend="gcs")
    raise ConfigurationError(message, backend="gcs", option="anon" if anon else "credentials")


def _files_maker(
    arguments: Mapping[str, Any], login: str | Mapping[str, Any] | None, **options: Any
) -> Callable[[], Any]:
    """Return what makes the operations on a bucket."""
    # Imported where an instance is made: they take a second or more, which must not be a
    # part of the time that a request may take.
    #
    # The class of this module, and not gcsfs.GCSFileSystem: that one first asks of what kind
    # a bucket is, over gRPC, and waits for a minute where nobody answers.
    from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]  # noqa: PLC0415

    from zarr_backends_gcs._files import GcsFiles  # noqa: PLC0415

    def make() -> Any:
        token: Any = login
        if login is None:
            token, _ = default_credentials()
        elif login != "anon":
            token = given_credentials(login)
        defaults = {"use_listings_cache": False, "skip_instance_cache": True}
        return GCSFileSystem(**{**defaults, **arguments, "token": token})

    return lambda: GcsFiles(make, **options)
