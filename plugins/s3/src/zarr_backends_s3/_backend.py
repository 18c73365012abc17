"""The backend ``s3``: an array, or a whole hierarchy, as objects of a bucket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Literal
from urllib.parse import unquote

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
from zarr_backends_s3._errors import S3_ERRORS
from zarr_backends_s3._files import S3Files

__all__ = ["S3Backend"]

_CONNECT_S = 5.0
"""Seconds for one attempt to connect, so that several fit into the time-out."""

_STYLES = ("auto", "path", "virtual")

_BUCKET = re.compile(r"arn:[^\s/]+(/[^\s/]+)*|[^\s/:?#@]+")


class S3Backend(ObjectBackend):
    """Keeps values as objects below a prefix of a bucket."""

    backend_id: ClassVar[str] = "s3"
    errors: ClassVar[ErrorTable] = S3_ERRORS

    def connect(  # type: ignore[override]  # noqa: PLR0913  # options of its own
        self,
        *,
        bucket: str,
        prefix: str = "",
        region: str | None = None,
        endpoint_url: str | None = None,
        profile: str | None = None,
        key: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        anon: bool = False,
        addressing_style: Literal["auto", "path", "virtual"] = "auto",
        storage_class: str | None = None,
        requester_pays: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        max_attempts: int = 5,
        timeout_s: float = 30.0,
        max_concurrency: int = 64,
    ) -> None:
        """Take the place; nothing is connected before the first request.

        Args:
            bucket: Name of the bucket, or ARN of an access point.
            prefix: Place of the array in it, with or without slashes at the ends.
            region: Region of the bucket; AWS's own configuration by default.
            endpoint_url: Of a service other than AWS; ``AWS_ENDPOINT_URL`` by default.
            profile: Section of ``~/.aws/config`` to take everything else from.
            key: Access key id. Without it, AWS's whole chain is asked: environment, files,
                web identity, the role of the container or machine.
            secret: Secret access key that goes with `key`.
            token: Session token of temporary credentials.
            anon: Send no credentials, for public buckets.
            addressing_style: Bucket in the path or in the host name; "auto" takes the path
                where `endpoint_url` is given.
            storage_class: Class of new objects, such as ``"STANDARD_IA"``.
            requester_pays: Agree to pay for requests to a bucket of others.
            storage_options: Further arguments of ``s3fs.S3FileSystem``.
            max_attempts: How often a request is made at most that fails for a passing reason.
            timeout_s: Seconds that one request may take, attempts and pauses included.
            max_concurrency: Requests, and connections, at a time.

        Raises:
            ConfigurationError: An option is wrong, or two contradict each other.
        """
        me = self.backend_id
        texts = {"region": region, "endpoint_url": endpoint_url, "profile": profile, "key": key}
        texts |= {"secret": secret, "token": token, "storage_class": storage_class}
        given = {
            name: checked_text(name, text, backend=me, needed=text is not None)
            for name, text in texts.items()
        }
        place = _checked_bucket(checked_text("bucket", bucket, backend=me))
        prefix = checked_prefix("prefix", prefix, backend=me)
        timeout_s = checked_seconds("timeout_s", timeout_s, backend=me)
        max_concurrency = checked_count("max_concurrency", max_concurrency, backend=me)
        max_attempts = checked_count("max_attempts", max_attempts, backend=me)
        more = checked_mapping("storage_options", storage_options, backend=me)
        _check_credentials(given, anon=checked_bool("anon", anon, backend=me))
        if addressing_style not in _STYLES:
            message = f"option addressing_style: must be {_STYLES}, not {addressing_style!r:.80}"
            raise ConfigurationError(message, backend=me, option="addressing_style")
        config = {
            "connect_timeout": min(_CONNECT_S, timeout_s),
            "read_timeout": timeout_s,
            "max_pool_connections": max_concurrency,
            "retries": {"total_max_attempts": 1},  # ours, which leave conditional writes alone
            "s3": {"addressing_style": addressing_style},
            # A checksum in a trailer makes each upload two round trips.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        arguments = _arguments(given, more, config, anon=anon)
        write_options = {"StorageClass": given["storage_class"]} if given["storage_class"] else {}
        pays = checked_bool("requester_pays", requester_pays, backend=me)
        make_files = _files_maker(
            arguments,
            bucket=place,
            max_attempts=max_attempts,
            write_options=write_options,
            read_options={"RequestPayer": "requester"} if pays else {},
        )
        self.attach(
            make_files,
            root=f"{place}/{prefix}" if prefix else place,
            shown=f"s3://{place}/{prefix}",
            share=(place, frozen(arguments), frozen(write_options), pays, max_attempts),
            timeout_s=timeout_s,
            max_concurrency=max_concurrency,
        )

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return bucket and prefix of a url such as ``s3://bucket/run%201``, decoded.

        Raises:
            ConfigurationError: It has no bucket, or has credentials in it.
        """
        bucket, _, prefix = url.partition("://")[2].partition("/")
        if "@" in bucket:
            message = "an s3 url has no credentials in it; give key= and secret= beside it"
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
            "and a url is s3://bucket/prefix"
        )
        raise ConfigurationError(message, backend="s3", option="bucket")
    return bucket


def _check_credentials(given: Mapping[str, str], *, anon: bool) -> None:
    """See that the credentials are whole.

    Raises:
        ConfigurationError: One goes without the other, or with `anon`.
    """
    for name, other in (("key", "secret"), ("secret", "key"), ("token", "key")):
        if given[name] and not given[other]:
            message = f"option {name} needs {other} beside it; leave both out for AWS's own chain"
            raise ConfigurationError(message, backend="s3", option=name)
    if anon and (given["key"] or given["profile"]):
        message = "option anon=True sends no credentials: leave out key, secret and profile"
        raise ConfigurationError(message, backend="s3", option="anon")


def _arguments(
    given: Mapping[str, str], more: dict[str, Any], config: dict[str, Any], *, anon: bool
) -> dict[str, Any]:
    """Return the arguments of the s3fs file system; those of the user win."""
    named = ("endpoint_url", "key", "secret", "token", "profile")
    arguments: dict[str, Any] = {name: given[name] for name in named if given[name]}
    client = {"region_name": given["region"]} if given["region"] else {}
    return {
        "anon": anon,
        "use_listings_cache": False,
        "skip_instance_cache": True,
        **arguments,
        **more,
        "client_kwargs": {**client, **more.get("client_kwargs", {})},
        "config_kwargs": {**config, **more.get("config_kwargs", {})},
    }


def _files_maker(arguments: Mapping[str, Any], **options: Any) -> Callable[[], S3Files]:
    """Return what makes the operations on a bucket."""

    def make() -> Any:
        # Imported where it is used first: it takes half a second.
        from s3fs import S3FileSystem  # type: ignore[import-untyped]  # noqa: PLC0415

        given = dict(arguments)
        if "session" not in given:
            given["session"] = _aws_session(given.pop("profile", None))
        return S3FileSystem(**given)

    return lambda: S3Files(make, **options)


def _aws_session(profile: str | None) -> Any:
    """Return a session that looks for credentials anew, but reads no models again."""
    from aiobotocore.session import (  # type: ignore[import-untyped]  # noqa: PLC0415
        AioSession,
    )

    session = AioSession(profile=profile)
    session.register_component("data_loader", _data_loader())
    return session


@cache
def _data_loader() -> Any:
    """Return what reads the models of AWS's services, which takes a tenth of a second."""
    from botocore.loaders import (  # type: ignore[import-untyped]  # noqa: PLC0415
        create_loader,
    )

    return create_loader()
