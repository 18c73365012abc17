"""What the server does with storages of several kinds, and with places of arrays."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from bare_files import BareFiles, FailingFiles

import zarr_backends as zb
from zarr_backends_http import HttpArrayBackend, HttpBackend


@pytest.fixture
def bare_url(serving: Callable[..., str], tmp_path: Path) -> str:
    """A server of a storage without keys."""
    return serving(BareFiles, {"path": str(tmp_path / "bare")})


def test_a_storage_without_keys_serves_arrays(bare_url: str) -> None:
    """The client takes the chunk routes, also when it is pickled."""
    a = zb.create(f"{bare_url}/arrays/x", shape=(7, 5), chunks=(3, 2), dtype="int16")
    expected = np.arange(35, dtype="int16").reshape(7, 5)
    a[...] = expected
    a[1:5, 1:4] = expected[1:5, 1:4] = 9
    b = zb.open(f"{bare_url}/arrays/x")
    np.testing.assert_array_equal(b[...], expected)
    backend = HttpBackend.open(base_url=bare_url, array_id="x")
    assert isinstance(backend, HttpArrayBackend)
    assert len(set(pickle.loads(pickle.dumps(backend)).list_chunks())) == 9


def test_keys_of_a_storage_without_keys_are_refused(bare_url: str) -> None:
    """With a problem that says what to use instead."""
    for method, path in (("GET", "keys"), ("GET", "keys/zarr.json"), ("GET", "names")):
        answer = httpx.request(method, f"{bare_url}/arrays/x/{path}")
        assert answer.status_code == 501
        assert answer.json()["type"].endswith(":no-keys")
    asked = httpx.post(f"{bare_url}/arrays/x/read", json={"keys": ["zarr.json"]})
    assert asked.status_code == 501


def test_a_storage_without_keys_is_a_store_of_zarr(bare_url: str) -> None:
    """Of the one array that it holds."""
    zarr = pytest.importorskip("zarr")
    store = zb.zarr_store(f"{bare_url}/arrays/z")
    array = zarr.create_array(store, shape=(4,), chunks=(2,), dtype="int8")
    array[:] = [1, 2, 3, 4]
    assert list(zarr.open_array(store)[:]) == [1, 2, 3, 4]


def test_updates_are_atomic_within_a_server_where_the_storage_has_none(bare_url: str) -> None:
    """The description of the array says so."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # for this test alone

    backend = HttpBackend.create(base_url=bare_url, array_id="u")
    zb.create(backend, shape=(4,), chunks=(1,), dtype="int8")
    assert isinstance(backend, HttpArrayBackend)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: backend.update_chunk((0,), more), range(40)))
    assert len(backend.read_chunk((0,))) == 40
    assert httpx.get(f"{bare_url}/arrays/u").json()["atomic_updates"] is False


def more(old: zb.Buffer | None) -> bytes:
    """Return one byte more."""
    return bytes(old or b"") + b"+"


def test_two_servers_before_one_store_lose_no_update(
    serving: Callable[..., str], tmp_path: Path
) -> None:
    """Nor does a client that is faster than another."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # for this test alone

    urls = [serving("filesystem", {"path": str(tmp_path)}) for _ in range(2)]
    backends = [HttpBackend.create(base_url=url, array_id="u") for url in urls]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: backends[i % 2].update("k", more), range(60)))
        won = list(pool.map(lambda i: backends[i % 2].set_if_absent("n", b"%d" % i), range(12)))
    assert len(backends[0].get("k") or b"") == 60
    assert sum(won) == 1


def test_a_failing_storage_is_unhealthy(serving: Callable[..., str], tmp_path: Path) -> None:
    """What it says about its own places stays in the log."""
    url = serving(FailingFiles, {"path": str(tmp_path)})
    assert httpx.get(f"{url}/health").status_code == 503
    answer = httpx.get(f"{url}/arrays/a/metadata")
    assert answer.status_code == 502
    assert answer.json()["transient"] is True
    assert "internal" not in answer.text
    assert not HttpArrayBackend.create(base_url=url, array_id="a").close()


def test_links_do_not_lead_out_of_the_folder(file_server: str, tmp_path: Path) -> None:
    """Not even where an array itself is a link."""
    (tmp_path / "served").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "k").write_text("secret")
    (tmp_path / "served" / "link").symlink_to(tmp_path / "secret")
    for path in ("link/keys/k", "x/keys/../../link/k"):
        answer = httpx.get(f"{file_server}/arrays/{path}")
        assert answer.status_code in (400, 403, 404)
        assert "secret" not in answer.text


def test_a_place_may_be_said_with_a_placeholder(
    serving: Callable[..., str], tmp_path: Path
) -> None:
    """For backends whose place is a file."""
    url = serving("zip", {"path": f"{tmp_path}/{{array_id}}.zip"})
    with HttpBackend.create(base_url=url, array_id="a") as backend:
        backend.set("k", b"1")
        assert backend.get("k") == b"1"
    assert (tmp_path / "a.zip").exists()


def test_a_storage_that_cannot_name_arrays_is_refused() -> None:
    """With what to say instead."""
    from zarr_backends_http.server import create_app  # noqa: PLC0415  # for this test alone

    with pytest.raises(zb.ConfigurationError, match="array_id"):
        create_app("zip")


@pytest.mark.parametrize("storage", ["memory://http-tests", "memory"])
def test_a_url_names_a_storage_too(serving: Callable[..., str], storage: str) -> None:
    """Arrays are below what it says."""
    url = serving(storage)
    one, two = (HttpBackend.create(base_url=url, array_id=name) for name in ("one", "two/x"))
    one.set("k", b"1")
    assert (one.get("k"), two.get("k")) == (b"1", None)
    assert list(one.list_dir()) == ["k"]


def test_a_batch_is_of_any_length(file_server: str) -> None:
    """It takes several requests where there are too many values, or too large ones."""
    with HttpBackend.create(base_url=file_server, array_id="a") as backend:
        backend.set_many({"small": b"1", **{f"large/{i}": bytes([i]) * 2**24 for i in range(4)}})
        found = backend.get_many(["small", "none"] * 1100)
        assert found == [b"1", None] * 1100
        found = backend.get_many([f"large/{i}" for i in range(4)])
        assert found == [bytes([i]) * 2**24 for i in range(4)]
