"""What the service refuses is told apart, and nothing is done twice."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from google.auth.transport.requests import Request

import zarr_backends as zb
from zarr_backends_compliance.services.http_faults import HttpFaults
from zarr_backends_compliance.services.tcp_proxy import TcpProxy
from zarr_backends_gcs import GcsBackend
from zarr_backends_gcs._credentials import default_credentials


def _answering(faults: HttpFaults, **options: Any) -> GcsBackend:
    """Return a backend that has one answer for everything."""
    return GcsBackend.create(
        bucket="bucket", endpoint_url=faults.url, **{"max_attempts": 1, **options}
    )


def _calls(backend: GcsBackend) -> list[Any]:
    """Return one call of each kind."""
    return [
        lambda: backend.get("key"),
        lambda: backend.get_range("key", 0, 2),
        lambda: backend.size("key"),
        lambda: list(backend.list_keys()),
        lambda: backend.set("key", b"x"),
        lambda: backend.set_if_absent("key", b"x"),
        lambda: backend.update("key", lambda _: b"x"),
        lambda: backend.delete("key"),
        lambda: backend.delete_many(["key", "other"]),
    ]


@pytest.mark.parametrize(
    ("status", "message", "reason", "error", "text"),
    [
        (400, "Bucket is a requester pays bucket", "required", zb.ConfigurationError, "pays"),
        (400, "Bad bucket", "invalid", zb.BackendError, "Bad bucket"),
        (401, "Invalid Credentials", "authError", zb.PermissionDeniedError, "credentials"),
        (403, "no storage.objects.get access", "forbidden", zb.PermissionDeniedError, "roles"),
        (403, "billing is disabled", "accountDisabled", zb.PermissionDeniedError, "billing"),
        (403, "quota exceeded", "quotaExceeded", zb.StorageFullError, "quota"),
        (404, "The specified bucket does not exist.", "notFound", zb.ConfigurationError, "bucket"),
        (507, "", "", zb.StorageFullError, "507"),
    ],
)
def test_refusals(
    status: int, message: str, reason: str, error: type[Exception], text: str
) -> None:
    """Each refusal is one error for every kind of call, which is not transient."""
    inner = {"code": status, "message": message, "errors": [{"reason": reason}]}
    body = json.dumps({"error": inner}).encode()
    with HttpFaults(status, body=body) as faults, _answering(faults) as backend:
        for call in _calls(backend):
            with pytest.raises(error, match=text) as caught:
                call()
            assert not caught.value.transient  # type: ignore[attr-defined]


@pytest.mark.parametrize(("status", "reason"), [(429, ""), (403, "rateLimitExceeded"), (503, "")])
def test_a_busy_service_is_asked_again(status: int, reason: str) -> None:
    """What passes is tried max_attempts times, and is a transient error then."""
    inner = {"code": status, "message": "slow down", "errors": [{"reason": reason}]}
    body = json.dumps({"error": inner}).encode()
    with HttpFaults(status, body=body) as faults:
        backend = _answering(faults, max_attempts=3)
        with pytest.raises(zb.BackendError, match="slow down") as caught:
            backend.get("key")
        assert caught.value.transient
        assert faults.nrequests == 3
        backend.close()


def test_no_such_object_is_absent() -> None:
    """What the service says of an object that is not there takes no second request."""
    with HttpFaults(404, body=b"No such object: bucket/key") as faults:
        backend = _answering(faults)
        assert backend.get("key") is None
        assert backend.size("key") is None
        backend.delete("key")
        assert faults.nrequests == 3
        backend.close()


def test_a_missing_bucket_is_no_missing_key(gcs_options: dict[str, str]) -> None:
    """An emulator says of both the same; every call finds out."""
    backend = GcsBackend.create(**{**gcs_options, "bucket": "no-such-bucket"})
    for call in _calls(backend):
        with pytest.raises(zb.ConfigurationError, match="no such bucket"):
            call()


def test_a_lost_reply_is_no_second_update(gcs_options: dict[str, str]) -> None:
    """An update whose answer is lost is sent again, and still done once."""
    port = int(gcs_options["endpoint_url"].rpartition(":")[2])
    with TcpProxy("127.0.0.1", port) as proxy:
        options = {**gcs_options, "endpoint_url": f"http://{proxy.host}:{proxy.port}"}
        backend = GcsBackend.create(**options, prefix="lost")
        backend.set("n", b"0")

        def transform(old: Any) -> bytes:
            proxy.truncate(0)
            threading.Timer(0.3, proxy.restore).start()
            return bytes(old) + b"+"

        backend.update("n", transform)
        assert bytes(backend.get("n") or b"") == b"0+"
        backend.close()


@pytest.fixture(params=["mapping", "file"])
def login(request: pytest.FixtureRequest, guard: Any, tmp_path: Path) -> dict[str, Any]:
    """Return the ways in which a service account is given."""
    if request.param == "mapping":
        return {"credentials": guard.account}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(guard.account))
    return {"credentials": str(path)}


def test_a_service_account_logs_in(
    guard: Any, login: dict[str, Any], gcs_options: dict[str, str]
) -> None:
    """Its key is changed for a token, which goes with every request, in batches too."""
    options = {**gcs_options, "endpoint_url": guard.url, "prefix": "login"}
    backend = GcsBackend.create(**options, **login)
    backend.set_many({"a": b"x", "b": b"y"})
    assert sorted(backend.list_keys()) == ["a", "b"]
    backend.delete_many(["a", "b"])
    assert not backend.exists()
    backend.close()
    stranger = GcsBackend.create(**options)
    for call in _calls(stranger):
        with pytest.raises(zb.PermissionDeniedError, match="credentials"):
            call()
    stranger.close()


def test_the_credentials_of_the_environment(
    guard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOOGLE_APPLICATION_CREDENTIALS is looked at where nothing is given."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(guard.account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    credentials, _ = default_credentials()
    credentials.refresh(Request())
    assert credentials.token in guard.RequestHandlerClass.tokens


def test_a_token_that_ends_is_renewed(guard: Any, gcs_options: dict[str, str]) -> None:
    """Every request has a token that is still good."""
    guard.expires_in = 1
    options = {**gcs_options, "endpoint_url": guard.url, "prefix": "renewed"}
    backend = GcsBackend.create(**options, credentials=guard.account)
    backend.set_many({f"c/{i}": b"x" for i in range(8)})
    guard.RequestHandlerClass.tokens.clear()
    assert len(list(backend.list_keys())) == 8
    assert guard.RequestHandlerClass.tokens
    backend.close()


def test_a_wrong_key_is_denied_and_not_shown(guard: Any, gcs_options: dict[str, str]) -> None:
    """Nothing of the key is in the error, in its causes or in the repr."""
    guard.public_key = b"the key of another account"
    account = guard.account
    backend = GcsBackend.create(
        **{**gcs_options, "endpoint_url": guard.url}, credentials=account, max_attempts=1
    )
    with pytest.raises(zb.PermissionDeniedError) as caught:
        backend.get("zarr.json")
    shown = f"{backend!r} {caught.value} {caught.value.__cause__!r}"
    assert not [line for line in account["private_key"].splitlines() if line in shown]
