"""Servers for tests: by the command line, and in this process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from zarr_backends_http.server import create_app

KEY = "a-key-for-tests-1234"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server by Python in a process of its own; give it and the url that it prints.

    Yields:
        Both.
    """
    environment = {**os.environ, "ZB_TEST_KEY": KEY}
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            match = re.search(r"https?://\S+", process.stdout.readline())
            assert match is not None
            yield process, match[0]
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command line; give its process and its url.

    Yields:
        Both.
    """
    command = ("-m", "zarr_backends_http", "serve", *arguments, "--port", "0", "--quiet")
    with running(*command) as both:
        yield both


@contextmanager
def commanded(*arguments: str) -> Iterator[str]:
    """Run the command line; give its url.

    Yields:
        The url.
    """
    with started(*arguments) as (_, url):
        yield url


@contextmanager
def threaded(*arguments: Any, **options: Any) -> Iterator[str]:
    """Serve `create_app(...)` in a thread; give its url.

    Yields:
        The url.
    """
    config = uvicorn.Config(create_app(*arguments, **options), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def keyed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server over files that asks for a key: its url and the key.

    Yields:
        Both.
    """
    path = tmp_path_factory.mktemp("served")
    with commanded("filesystem", "-o", f"path={path}", "--api-key", "env:ZB_TEST_KEY") as url:
        yield url, KEY


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The url of a server over a storage without keys.

    Yields:
        The url.
    """
    path = tmp_path_factory.mktemp("bare")
    with running(str(Path(__file__).with_name("bare_files.py")), str(path)) as (_, url):
        yield url


@pytest.fixture
def serving() -> Iterator[Callable[..., str]]:
    """A function that serves ``create_app(...)`` until the end of the test.

    Yields:
        The function; it returns the url.
    """
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(threaded(*args, **options))


@pytest.fixture
def file_server(serving: Callable[..., str], tmp_path: Path) -> str:
    """The url of a server over files."""
    return serving("filesystem", {"path": str(tmp_path / "served")})
