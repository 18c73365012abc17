"""A server that speaks HTTP/2 alone, as a proxy before ours may."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded


class Http2Server:
    """Keeps values under paths."""

    def __init__(self, certificate: Path) -> None:
        """Listen; the file has a certificate and its key."""
        self.faults: list[Exception] = []
        self.values: dict[str, bytes] = {}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Serve until the server is closed."""
        with suppress(OSError), ThreadPoolExecutor(32) as pool:
            while True:
                pool.submit(self._serve, self._listener.accept()[0])

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, accepted: socket.socket) -> None:
        """Answer the requests on a connection."""
        try:
            with self._tls.wrap_socket(accepted, server_side=True) as line:
                _Line(line, self.values).serve()
        except Exception as error:  # noqa: BLE001  # looked at by the test
            self.faults.append(error)


class _Line:
    """One connection."""

    def __init__(self, line: ssl.SSLSocket, values: dict[str, bytes]) -> None:
        self._line = line
        self._values = values
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[Any, tuple[dict[Any, Any], bytearray]] = {}
        self._answers: dict[Any, bytes] = {}

    def serve(self) -> None:
        """Answer requests until the client is gone."""
        self._http.initiate_connection()
        self._line.sendall(self._http.data_to_send())
        while data := self._line.recv(65_536):
            for event in self._http.receive_data(data):
                self._take(event)
            for stream in list(self._answers):
                self._send(stream)
            self._line.sendall(self._http.data_to_send())

    def _take(self, event: Any) -> None:
        """Look at what has come in."""
        if isinstance(event, RequestReceived):
            self._requests[event.stream_id] = dict(event.headers), bytearray()
        elif isinstance(event, DataReceived):
            self._requests[event.stream_id][1].extend(event.data)
            nbytes = event.flow_controlled_length
            self._http.acknowledge_received_data(nbytes, event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = self._requests.pop(event.stream_id)
            self._answer(event.stream_id, headers[":method"], headers[":path"], bytes(body))

    def _answer(self, stream: Any, method: str, path: str, body: bytes) -> None:
        """Keep or return a value."""
        if method == "PUT":
            self._values[path] = body
        status = "204" if method == "PUT" else "200" if path in self._values else "404"
        value = self._values.get(path, b"") if method == "GET" else b""
        headers = [(":status", status), ("zarr-backends-protocol", "1")]
        self._http.send_headers(stream, headers, end_stream=not value)
        if value:
            self._answers[stream] = value

    def _send(self, stream: Any) -> None:
        """Send as much of an answer as the client takes."""
        rest = self._answers.pop(stream)
        while rest:
            nbytes = self._http.local_flow_control_window(stream)
            nbytes = min(nbytes, self._http.max_outbound_frame_size)
            if not nbytes:
                self._answers[stream] = rest
                return
            self._http.send_data(stream, rest[:nbytes], end_stream=nbytes >= len(rest))
            rest = rest[nbytes:]


@contextmanager
def http2_server(certificate: Path) -> Iterator[Http2Server]:
    """Run a server in a thread.

    Yields:
        The server.
    """
    server = Http2Server(certificate)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(60)
