"""Serve S3 by moto, on files: ``python s3_server.py HOST PORT FOLDER BUCKET``.

The environment holds two users' keys, ``KEY`` and ``SECRET``, ``OTHER_KEY`` and
``OTHER_SECRET``, of whom only the first has rights; with ``AUTH=1`` moto checks them. moto
keeps everything in memory; here each object is written to FOLDER before its request is
answered, and read back at the next start. An upload in parts that was not completed is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

REGION = "us-east-1"

CHANGING = {"PUT", "POST", "DELETE"}
"""Methods that may change an object."""

EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
"""Rights of the first user."""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Files:
    """The buckets of moto, also in files: a folder a bucket, a file an object."""

    def __init__(self, folder: Path) -> None:
        """Read what there is."""
        self._folder = folder
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._lock = threading.Lock()
        self._saved: dict[tuple[str, str], Any] = {}
        for place in folder.iterdir():
            bucket = self._backend.create_bucket(place.name, REGION)
            for file in place.glob("*.object"):
                # Written by this class, for nobody else.
                name, value = pickle.loads(file.read_bytes())  # noqa: S301
                self._saved[bucket.name, name] = bucket.keys[name] = value

    def create_bucket(self, name: str) -> None:
        """Create a bucket unless it exists."""
        if name not in self._backend.buckets:
            self._backend.create_bucket(name, REGION)
            self.save_all()

    def save(self, bucket: str, name: str) -> bool:
        """Write what is now stored under a name, or remove it; return whether it changed."""
        with self._lock:
            place = self._backend.buckets.get(bucket)
            now = place.keys.get(name) if place else None
            changed = self._saved.get((bucket, name)) is not now
            if changed:
                self._write(bucket, name, now)
            return changed

    def save_all(self) -> None:
        """Write and remove whatever has changed."""
        with self._lock:
            buckets = dict(self._backend.buckets)
            for bucket in buckets:
                (self._folder / bucket).mkdir(exist_ok=True)
            now = {
                (bucket, name): buckets[bucket].keys[name]
                for bucket in buckets
                for name in list(buckets[bucket].keys)
            }
            for bucket, name in now.keys() | self._saved.keys():
                if self._saved.get((bucket, name)) is not now.get((bucket, name)):
                    self._write(bucket, name, now.get((bucket, name)))
            for place in self._folder.iterdir():
                if place.name not in buckets:
                    place.rmdir()

    def _write(self, bucket: str, name: str, value: Any) -> None:
        """Write or remove one object's file."""
        file = self._folder / bucket / f"{hashlib.sha256(name.encode()).hexdigest()}.object"
        if value is None:
            file.unlink(missing_ok=True)
            self._saved.pop((bucket, name), None)
            return
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(pickle.dumps((name, value)))
        unfinished.replace(file)
        self._saved[bucket, name] = value


def body_of(environ: dict[str, Any]) -> bytes:
    """Return the whole body of a request."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        return bytes(environ["wsgi.input"].read(int(length)))
    return bytes(environ["wsgi.input"].read()) if environ.get("wsgi.input_terminated") else b""


def saving(app: WsgiApp, files: Files) -> WsgiApp:
    """Return an application that writes to files what it changes, before it answers.

    It changes one thing at a time: moto looks at a condition and stores in two steps, between
    which another request may have stored.
    """
    turn = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in CHANGING:
            return app(environ, start_response)
        # Nobody waits for a client that is slow to send.
        environ["wsgi.input"] = BytesIO(body_of(environ))
        with turn:
            response = app(environ, start_response)
            path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
            bucket, _, name = path.lstrip("/").partition("/")
            # What a POST changes stands in its body.
            if method == "POST" or not (name and files.save(bucket, name)):
                files.save_all()
        return response

    return answer


def add_user(name: str, key: str, secret: str, policy: dict[str, Any] | None) -> None:
    """Make a user who has a certain key, and the rights of a policy."""
    backend = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_user(REGION, name)
    access = backend.create_access_key(name)
    del backend.access_keys[access.physical_resource_id]
    access.access_key_id, access.secret_access_key = key, secret
    backend.access_keys[key] = access
    if policy is not None:
        backend.put_user_policy(name, "rights", json.dumps(policy))


def main(host: str, port: str, folder: str, bucket: str) -> None:
    """Serve until a signal ends the process.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        folder: Holds the objects.
        bucket: Name of the bucket that is to exist.
    """
    os.environ["MOTO_PORT"] = port
    add_user("zarr", os.environ["KEY"], os.environ["SECRET"], EVERYTHING)
    add_user("other", os.environ["OTHER_KEY"], os.environ["OTHER_SECRET"], None)
    files = Files(Path(folder))
    files.create_bucket(bucket)
    if os.environ.get("AUTH") == "1":
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    app = saving(DomainDispatcherApplication(create_backend_app), files)
    server = make_server(host, int(port), app, threaded=True, request_handler=MotoRequestHandler)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
