"""Options, urls and the environment; nothing but refused connections in these tests."""

from __future__ import annotations

import base64
import logging
import pickle
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_azure import AzureBlobBackend
from zarr_backends_azure._account import account_of

KEY = base64.b64encode(b"the key of the account").decode()
SAS = "sv=2021-12-02&sp=rl&sig=abc%2Bdef%3D"
NONE = dict.fromkeys(
    ("account_name", "endpoint_url", "account_key", "sas_token", "connection_string"), ""
)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"container": ""}, "container"),
        ({"container": "cc/d"}, "container"),
        ({"container": "Upper"}, "container"),
        ({"container": "a--b"}, "container"),
        ({"container": 5}, "container"),
        ({"prefix": "a/../b"}, "prefix"),
        ({"prefix": "a//b"}, "prefix"),
        ({"prefix": "a\\..\\b"}, "prefix"),
        ({"account_name": None}, "account_name"),
        ({"account_name": "no.account"}, "account_name"),
        ({"account_key": "not base64!"}, "account_key"),
        ({"sas_token": "sv=2021"}, "sas_token"),
        ({"sas_token": f"https://host/?{SAS};x"}, "sas_token"),
        ({"connection_string": "nonsense"}, "connection_string"),
        ({"connection_string": f"AccountName=other;AccountKey={KEY}"}, "account_name"),
        ({"account_key": KEY, "sas_token": SAS}, "sas_token"),
        ({"anon": True, "account_key": KEY}, "anon"),
        ({"use_managed_identity": True, "sas_token": SAS}, "use_managed_identity"),
        ({"use_managed_identity": 1}, "use_managed_identity"),
        ({"anon": "yes"}, "anon"),
        ({"endpoint_url": "host:10000"}, "endpoint_url"),
        ({"endpoint_url": "http://host/a?b"}, "endpoint_url"),
        ({"endpoint_url": "http://host:10000", "use_managed_identity": True}, "endpoint_url"),
        ({"access_tier": "Archive"}, "access_tier"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_concurrency": "many"}, "max_concurrency"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"storage_options": "x"}, "storage_options"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], option: str) -> None:
    """A ConfigurationError says which option it is, and shows no secret."""
    with pytest.raises(zb.ConfigurationError) as caught:
        AzureBlobBackend.create(**{"container": "box", "account_name": "acc", **options})
    assert caught.value.option == option
    assert "abc%2B" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("prefix", ["run/1", "/run/1", "run/1/", "//run/1//"])
def test_slashes_at_the_ends_mean_nothing(prefix: str) -> None:
    """The prefix is the same place with or without them."""
    backend = AzureBlobBackend.create(container="box", account_name="acc", prefix=prefix)
    assert repr(backend) == "<AzureBlobBackend az://box@acc/run/1>"


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("az://box/run%201/a?b%2520", {"container": "box", "prefix": "run 1/a?b%20"}),
        ("abfs://box@acc/p", {"container": "box", "prefix": "p", "account_name": "acc"}),
        (
            "abfss://box@acc.dfs.core.windows.net/p",
            {"container": "box", "prefix": "p", "account_name": "acc"},
        ),
        (
            "az://box@acc.blob.core.chinacloudapi.cn/p",
            {
                "container": "box",
                "prefix": "p",
                "account_name": "acc",
                "endpoint_url": "https://acc.blob.core.chinacloudapi.cn",
            },
        ),
    ],
)
def test_urls(url: str, options: dict[str, str]) -> None:
    """The path of a url is decoded once; the account is taken from the host."""
    assert zb.resolve(url) == (AzureBlobBackend, options)


@pytest.mark.parametrize(
    "url", [f"az://box/p?{SAS}", "az://box:key@acc/p", "az://box@example.org/p", "az:///p"]
)
def test_urls_that_are_refused(url: str) -> None:
    """A url has no credentials in it, and names a container."""
    with pytest.raises(zb.ConfigurationError) as caught:
        AzureBlobBackend.options_from_url(url)
    assert "abc%2B" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"account_key": KEY, "endpoint_url": "http://127.0.0.1:9"},
        {"sas_token": f"?{SAS}", "endpoint_url": "http://127.0.0.1:9/acc"},
        {
            "connection_string": f"AccountName=acc;AccountKey={KEY};"
            "BlobEndpoint=http://127.0.0.1:9/acc;"
        },
    ],
)
def test_no_secret_is_shown(options: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither the repr, nor an error, nor a log has the key or the signature in it."""
    caplog.set_level(logging.DEBUG)
    backend = AzureBlobBackend.create(
        container="box", account_name="acc", max_attempts=2, **options
    )
    with pytest.raises(zb.NetworkError) as caught:
        backend.get("zarr.json")
    shown = f"{backend!r} {caught.value} {caught.value.__cause__!r} {caplog.text}"
    assert not [secret for secret in (KEY, "abc%2Bdef", "abc+def=") if secret in shown]


def test_an_error_with_the_signature_is_cut() -> None:
    """A signature in the text of a library's error is blotted out, encoded or not."""
    backend = AzureBlobBackend.create(container="box", account_name="acc", sas_token=SAS)
    for text in ("sig=abc%2Bdef%3D", "sig=abc+def="):
        error = ValueError(f"https://acc/box/p?{text} failed")
        failure = backend._translated(error, "p")  # noqa: SLF001  # where all errors pass
        assert "abc" not in f"{failure} {failure.__cause__!r}"


def test_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection string of the environment is taken, and its key is not shown."""
    text = f"AccountName=envacc;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:9/envacc"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    backend = AzureBlobBackend.create(container="box", max_attempts=1)
    with pytest.raises(zb.NetworkError, match=r"127\.0\.0\.1:9") as caught:
        backend.get("zarr.json")
    assert repr(backend) == "<AzureBlobBackend az://box@envacc/>"
    assert KEY not in str(caught.value)
    assert KEY.encode() not in pickle.dumps(backend)


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's credentials are not sent to another account, nor beside others."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "envacc")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    found = account_of(NONE, anon=False, use_managed_identity=False)
    assert (found.name, KEY in found.connection_string) == ("envacc", True)
    other = account_of({**NONE, "account_name": "acc"}, anon=False, use_managed_identity=False)
    assert (other.name, other.connection_string) == ("acc", "")
    signed = account_of({**NONE, "sas_token": SAS}, anon=False, use_managed_identity=False)
    assert KEY not in signed.connection_string
    asked = account_of({**NONE, "account_name": "envacc"}, anon=False, use_managed_identity=True)
    assert asked.connection_string == ""


def test_a_service_principal_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """adlfs's three variables name a principal, whose secret is not shown."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "TENANT_ID"):
        monkeypatch.setenv(f"AZURE_STORAGE_{name}", f"the-{name.lower()}")
    found = account_of({**NONE, "account_name": "acc"}, anon=False, use_managed_identity=False)
    assert found.principal["tenant_id"] == "the-tenant_id"
    assert found.secrets == {"the-client_secret"}
    assert "secret" not in repr(found)


def test_the_development_account() -> None:
    """The emulator's own short connection string is understood."""
    backend = AzureBlobBackend.create(
        container="box", connection_string="UseDevelopmentStorage=true"
    )
    assert repr(backend) == "<AzureBlobBackend az://box@devstoreaccount1/>"


def test_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an identity cannot be had, the error says what to give."""
    credential = pytest.importorskip("azure.identity.aio").EnvironmentCredential()
    backend = AzureBlobBackend.create(
        container="box", account_name="acc", storage_options={"credential": credential}
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=other;AccountKey={KEY}")
    with pytest.raises(zb.PermissionDeniedError, match="account_key, sas_token"):
        backend.get("zarr.json")
