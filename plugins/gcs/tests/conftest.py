"""A server of the compliance kit, and one in front of it that looks at credentials."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions, jwt

from zarr_backends_compliance.services import Service, ServiceUnavailableError, serve


@pytest.fixture(scope="session")
def gcs() -> Iterator[Service]:
    """Start a server, which keeps its objects in memory: any name will do there."""
    try:
        service = serve("gcs", in_memory=True)
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    with service:
        yield service


@pytest.fixture
def gcs_options(gcs: Service) -> dict[str, str]:
    """Return the options of the server's bucket."""
    return {name: gcs.options[name] for name in ("endpoint_url", "bucket")}


@pytest.fixture
def place(gcs_options: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the options of a prefix of a test's own."""
    return {**gcs_options, "prefix": f"tests/{request.node.name}"}


def _pem(key: Any) -> str:
    """Return a private key as it stands in a file."""
    form = (forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return str(key.private_bytes(*form).decode())


class _Guard(BaseHTTPRequestHandler):
    """Issues tokens to one service account, and lets its requests pass to the server."""

    server: Any
    protocol_version = "HTTP/1.1"
    tokens: ClassVar[list[str]] = []

    def handle_any(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/token":
            self.answer(*self.token(parse_qs(body.decode())["assertion"][0]))
        elif self.headers.get("Authorization", "")[7:] not in self.tokens:
            message = "Anonymous caller or invalid token."
            self.answer(401, json.dumps({"error": {"code": 401, "message": message}}).encode())
        else:
            self.answer(*self.passed(body))

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815  # what the library calls them

    def token(self, assertion: str) -> tuple[int, bytes]:
        """Issue a token that ends soon, to whoever has the key."""
        try:
            jwt.decode(assertion, certs=self.server.public_key)
        except (ValueError, exceptions.GoogleAuthError):
            return 400, b'{"error": "invalid_grant", "error_description": "Invalid signature"}'
        self.tokens.append(f"token-{len(self.tokens)}")
        issued = {"access_token": self.tokens[-1], "expires_in": self.server.expires_in}
        return 200, json.dumps({**issued, "token_type": "Bearer"}).encode()

    def passed(self, body: bytes) -> tuple[int, bytes, list[tuple[str, str]]]:
        """Have the server answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, answer.getheaders()

    def answer(self, status: int, body: bytes, headers: list[tuple[str, str]] = []) -> None:  # noqa: B006  # not changed
        """Send an answer."""
        self.send_response(status)
        for name, value in headers or [("Content-Type", "application/json")]:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def guard(gcs: Service) -> Iterator[Any]:
    """Start a server that wants credentials; its ``account`` is the one that has a key."""
    key = rsa.generate_private_key(65537, 2048)
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Guard)
    server.daemon_threads, server.expires_in, server.behind = True, 3600, gcs.port
    form = (forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    server.public_key = key.public_key().public_bytes(*form)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.account = {
        "type": "service_account",
        "private_key": _pem(key),
        "private_key_id": "0123456789abcdef",
        "client_email": "writer@zarr.example",
        "token_uri": f"{server.url}/token",
    }
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
