"""The backend ``obstore``: an array, or a whole hierarchy, as objects of a bucket."""

from __future__ import annotations

import json
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar

from zarr_backends import (
    Buffer,
    ConfigurationError,
    ConflictError,
    KeyValueBackend,
    Transform,
    ZarrBackendsError,
    contiguous_view,
)
from zarr_backends_obstore._errors import translated
from zarr_backends_obstore._library import library
from zarr_backends_obstore._objects import Objects, Version
from zarr_backends_obstore._options import (
    checked_bool,
    checked_count,
    checked_mapping,
    checked_prefix,
    checked_seconds,
    checked_text,
    refuse,
    secrets_of,
)
from zarr_backends_obstore._places import place_of
from zarr_backends_obstore._session import Session, release, shared_session

__all__ = ["ObstoreBackend"]

T = TypeVar("T")

_TRIES = 100
"""Times that an update is tried while others keep changing the same object."""


class ObstoreBackend(KeyValueBackend):
    """Keeps values as objects below a prefix of a bucket of S3, Google Cloud Storage or Azure."""

    backend_id: ClassVar[str] = "obstore"

    max_concurrency: int

    def connect(  # noqa: PLR0913  # options of three services
        self,
        *,
        bucket: str,
        prefix: str = "",
        service: Literal["s3", "gs", "az"] = "s3",
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        key: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        credentials: str | Mapping[str, Any] | None = None,
        account_name: str | None = None,
        account_key: str | None = None,
        sas_token: str | None = None,
        connection_string: str | None = None,
        anon: bool = False,
        config: Mapping[str, Any] | None = None,
        client_options: Mapping[str, Any] | None = None,
        retries: int = 3,
        timeout_s: float = 30.0,
        max_concurrency: int = 64,
    ) -> None:
        """Take the place; nothing is connected before the first request.

        Args:
            bucket: Name of the bucket; of the container in Azure.
            prefix: Place of the array in it, with or without slashes at the ends.
            service: ``"s3"``, ``"gs"`` (Google Cloud Storage) or ``"az"`` (Azure).
            endpoint_url: Of a service other than the usual; ``AWS_ENDPOINT_URL`` and
                ``STORAGE_EMULATOR_HOST`` are honoured.
            region: S3: region of the bucket.
            profile: S3: section of ``~/.aws/config``; needs boto3.
            key: S3: access key id. Without it: environment, web identity, container, machine.
            secret: S3: secret access key that goes with `key`.
            token: S3: session token of temporary credentials.
            credentials: Google: path of a file, or what is in it. Without: application default
                credentials.
            account_name: Azure: the storage account; ``AZURE_STORAGE_ACCOUNT_NAME`` by default.
            account_key: Azure: its key.
            sas_token: Azure: a shared access signature.
            connection_string: Azure: account and key or signature. Without any of these:
                environment, then the managed identity.
            anon: Send no credentials, for public buckets.
            config: Further settings of obstore's store.
            client_options: Further settings of its HTTP client (proxy, certificates).
            retries: How often a request is sent again that failed for a passing reason.
            timeout_s: Seconds that one request may take, retries and pauses included.
            max_concurrency: Requests under way at a time.

        Raises:
            ConfigurationError: An option is wrong, or two contradict each other.
        """
        given = {
            "endpoint_url": endpoint_url, "region": region, "profile": profile, "key": key,
            "secret": secret, "token": token, "credentials": credentials,
            "account_name": account_name, "account_key": account_key, "sas_token": sas_token,
            "connection_string": connection_string, "anon": checked_bool("anon", anon),
            "config": checked_mapping("config", config),
        }  # fmt: skip
        timeout_s = checked_seconds("timeout_s", timeout_s)
        common = {
            "client": checked_mapping("client_options", client_options),
            "retries": checked_count("retries", retries, least=0),
            "timeout_s": timeout_s,
        }
        name = _checked_bucket(bucket)
        place = place_of(service, name, given, common)
        prefix = checked_prefix("prefix", prefix)
        self.max_concurrency = checked_count("max_concurrency", max_concurrency)
        self._base = f"{prefix}/" if prefix else ""
        self._shown = f"obstore+{service}://{name}/{prefix}"
        self._secrets = secrets_of(given)
        self._key = (service, name, max_concurrency, _frozen({**given, **common}))
        self._make_session = lambda: Session(
            Objects(place, library()), timeout_s=timeout_s, max_concurrency=max_concurrency
        )
        self._held: tuple[Session, weakref.finalize[..., Any]] | None = None

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return service, bucket and prefix of a url such as ``obstore+s3://bucket/run/1``.

        Raises:
            ConfigurationError: It has no bucket, or has credentials in it.
        """
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if "@" in bucket:
            message = "a url of a bucket has no credentials in it; give them as options beside it"
            raise ConfigurationError(message, backend=cls.backend_id, option="target")
        service = scheme.lower().rpartition("+")[2]
        return {"service": service, "bucket": _checked_bucket(bucket), "prefix": prefix}

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return the bytes of an object; None where there is none."""
        return self._run(key, Objects.read, self._path(key))

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, read at the same time."""
        return self._run_many(Objects.read, [(self._path(key),) for key in keys])

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut as a slice would be, reading no more than that."""
        return self._run(key, Objects.read_range, self._path(key), start, stop)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of an object; None where there is none."""
        return self._run(key, Objects.size, self._path(key))

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, page by page."""
        for page in self._pages(prefix):
            yield from (path[len(self._base) :] for path in page)

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, once each."""
        folder = (self._base + prefix).rstrip("/")
        start = len(folder) + 1 if folder else 0
        paths: list[str] = self._run(prefix, Objects.names, folder)
        if not paths:
            self._run(prefix, Objects.see_service, folder)
        yield from dict.fromkeys(name for path in paths if (name := path[start:].strip("/")))

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value; a service does that atomically."""
        self._run(key, Objects.write, self._path(key), _as_bytes(value))

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values at the same time."""
        calls = [(self._path(key), _as_bytes(value)) for key, value in values.items()]
        self._run_many(Objects.write, calls)

    def delete(self, key: str) -> None:
        """Delete an object; one that is absent is no error."""
        self._run(key, Objects.delete, self._path(key))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several objects, as many by a request as the service takes."""
        self._delete([self._path(key) for key in keys])

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every object whose key starts with `prefix`."""
        for page in self._pages(prefix):
            self._delete(page)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; the service decides who is the first.

        Returns:
            Whether it was set.
        """
        return self._run(key, Objects.create, self._path(key), _as_bytes(value))

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` on the condition that it is still the old one.

        Raises:
            ConflictError: Others changed it again and again.
        """
        path = self._path(key)
        for _ in range(_TRIES):
            if self._updated(key, path, transform):
                return
        message = f"{self!r}: key {key!r} was changed by others {_TRIES} times in a row"
        raise ConflictError(message, backend=self.backend_id, key=key)

    def _updated(self, key: str, path: str, transform: Transform) -> bool:
        """Try once; return whether it was done."""
        old: Version | None = self._run(key, Objects.read_version, path)
        new = transform(old and old.data)
        data = None if new is None else _as_bytes(new)
        if old is not None:
            return self._run(key, Objects.replace, path, data, old.token)
        return data is None or self._run(key, Objects.create, path, data)

    def _delete(self, paths: Sequence[str]) -> None:
        """Delete objects."""
        n = self._session().objects.batch
        batches = [(paths[i : i + n],) for i in range(0, len(paths), n)]
        self._run_many(Objects.delete_batch, batches)

    # --- Connection -----------------------------------------------------------------

    def close(self) -> None:
        """Give the connections back; the next request takes them up again."""
        held, self._held = self._held, None
        if held is not None:
            held[1]()

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Show the place, without credentials."""
        return f"<{type(self).__name__} {self._shown}>"

    def _session(self) -> Session:
        """Return the session that instances of these options share."""
        held = self._held
        if held is None or held[0].is_foreign:
            with self._lock:
                held = self._held
                if held is None or held[0].is_foreign:
                    session = shared_session(self._key, self._make_session)
                    end = weakref.finalize(self, release, self._key, session)
                    held = self._held = (session, end)
        return held[0]

    def _path(self, key: str) -> str:
        """Return the path of a key.

        Raises:
            ConfigurationError: The key could name something outside of the place.
        """
        if "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
            message = f"{key!r:.80} is no key: no part of one is empty, '.', '..' or has a NUL"
            raise ConfigurationError(message, backend=self.backend_id, key=key)
        return self._base + key

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """Yield the paths that start with a prefix, page by page.

        A service is asked for a folder, so that names in it are sorted out here.

        Raises:
            ZarrBackendsError: The listing failed.
        """
        whole = self._base + prefix
        try:
            for page in self._session().pages(whole.rpartition("/")[0]):
                yield [path for path in page if path.startswith(whole)]
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, prefix)
            raise failure from failure.__cause__

    def _run(self, key: str, operation: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Make one request, with errors translated.

        Returns:
            What it returns.

        Raises:
            ZarrBackendsError: What the library's error means.
        """
        session = self._session()
        try:
            return session.run(operation, session.objects, *args)
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, key)
            raise failure from failure.__cause__

    def _run_many(
        self, operation: Callable[..., Awaitable[T]], calls: Sequence[tuple[Any, ...]]
    ) -> list[T]:
        """Make requests at the same time, with errors translated.

        Returns:
            What they return.

        Raises:
            ZarrBackendsError: What the library's error means.
        """
        session = self._session()
        try:
            return session.run_many(operation, [(session.objects, *call) for call in calls])
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, "")
            raise failure from failure.__cause__

    def _translated(self, error: Exception, key: str) -> ZarrBackendsError:
        """Return the error of ours that an error means."""
        return translated(
            error,
            backend=self.backend_id,
            place=self._shown,
            key=key or None,
            secrets=self._secrets,
        )


def _checked_bucket(bucket: object) -> str:
    """Return the name of a bucket.

    Raises:
        ConfigurationError: No bucket can be called so.
    """
    name = checked_text("bucket", bucket, needed=True) or ""
    if any(character in "/?#@ \\" for character in name):
        refuse("bucket", f"{name!r:.80} is no name; what follows a slash is the prefix")
    return name


def _as_bytes(value: Buffer) -> bytes:
    """Return bytes that nobody else can change."""
    return value if type(value) is bytes else bytes(contiguous_view(value))


def _frozen(options: Mapping[str, Any]) -> str:
    """Return a text that is the same for equal options."""
    return json.dumps(options, sort_keys=True, default=lambda value: f"{value!r} at {id(value)}")
