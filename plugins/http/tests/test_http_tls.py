"""Servers with certificates: who is trusted, and HTTP/2 where it is offered."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import commanded
from http2_server import http2_server

import zarr_backends as zb
from zarr_backends_http import HttpArrayBackend, HttpBackend


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *names]
    command = [openssl, "req", "-x509", *kind, "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file


def test_a_server_with_a_certificate_is_trusted_by_name(certificate: Path, tmp_path: Path) -> None:
    """By others it is not."""
    serve = ("filesystem", "-o", f"path={tmp_path}", "--certificate", str(certificate))
    with commanded(*serve) as url:
        assert url.startswith("https://")
        with HttpBackend.create(base_url=url, array_id="a", verify=str(certificate)) as backend:
            backend.set("k", b"1")
            assert backend.get("k") == b"1"
        with pytest.raises(zb.NetworkError):
            HttpBackend.create(base_url=url, array_id="a")
        with HttpBackend.create(base_url=url, array_id="a", verify=False) as careless:
            assert careless.get("k") == b"1"


def test_http_2_is_spoken_where_it_is_offered(certificate: Path) -> None:
    """By several threads at a time, and with values larger than a window of the protocol."""
    with http2_server(certificate) as server, ThreadPoolExecutor(8) as pool:
        backend = HttpArrayBackend.create(
            base_url=server.url, array_id="a", verify=str(certificate), timeout_s=60
        )
        with backend:
            backend.write_chunk((0,), b"first")
            list(pool.map(lambda i: backend.write_chunk((i,), bytes([i]) * 5000), range(40)))
            read = list(pool.map(lambda i: backend.read_chunk((i,)), range(40)))
            assert read == [bytes([i]) * 5000 for i in range(40)]
            backend.write_chunk((1, 1), bytes(10**6))
            assert backend.read_chunk((1, 1)) == bytes(10**6)
            with pytest.raises(zb.ChunkNotFoundError):
                backend.read_chunk((50,))
    assert not server.faults
