"""The command ``zarr-backends-http``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from zarr_backends import ConfigurationError, ZarrBackendsError

__all__ = ["main"]

_ENV = "env:"

_MIB = 2**20


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, or say which extra it needs."""
    given = _parser().parse_args(arguments)
    try:
        _serve(given)
    except ZarrBackendsError as error:
        sys.exit(f"zarr-backends-http: {error}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("starlette", "uvicorn"):
            raise
        sys.exit(
            f"zarr-backends-http: {missing} is missing; pip install 'zarr-backends-http[server]'"
        )


def _serve(given: argparse.Namespace) -> None:
    """Serve what was asked for."""
    # Not at the top: starlette and uvicorn come with an extra.
    from zarr_backends_http.server import create_app, serve  # noqa: PLC0415
    from zarr_backends_http.server._serving import check_exposure  # noqa: PLC0415

    level = logging.WARNING if given.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR if given.quiet else logging.INFO)
    api_key = None if given.api_key is None else _from_environment(given.api_key, "--api-key")
    if given.api_key is not None and not given.api_key.startswith(_ENV):
        message = "--api-key is given as env:NAME: a key on a command line can be seen by others"
        raise ConfigurationError(message, option="api_key")
    check_exposure(given.host, api_key=api_key, read_only=given.read_only)
    app = create_app(
        given.storage,
        dict(_option(text) for text in given.options),
        api_key=api_key,
        read_only=given.read_only,
        max_body_nbytes=given.max_body_mib * _MIB,
        threads=given.threads,
    )
    certificate = (given.certificate, given.certificate_key or given.certificate)
    serve(
        app,
        host=given.host,
        port=given.port,
        certificate=certificate if given.certificate else None,
        on_start=lambda url: print(f"serving {given.storage_name} at {url}", flush=True),  # noqa: T201  # that is what the user waits for
    )


def _parser() -> argparse.ArgumentParser:
    """Return what the command line takes."""
    parser = argparse.ArgumentParser(
        prog="zarr-backends-http", description="Arrays of any backend behind HTTP."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve a backend")
    add = serve.add_argument
    add("storage", action=_Storage, help="backend id, url or path; {array_id} stands for arrays")
    add("-o", dest="options", action="append", default=[], metavar="OPTION=VALUE",
        help="option of the backend; env:NAME reads a variable of the environment")  # fmt: skip
    add("--api-key", metavar="env:NAME", help="variable with the key that clients must have")
    add("--read-only", action="store_true", help="refuse every change")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8000, help="port; 0 takes a free one (default: %(default)s)")
    add("--max-body-mib", type=_positive, default=1024, metavar="MIB",
        help="longest value that is taken (default: %(default)s MiB)")  # fmt: skip
    add("--threads", type=_positive, default=32,
        help="calls of the storage at a time (default: %(default)s)")  # fmt: skip
    add("--certificate", metavar="FILE", help="certificate in PEM form, for TLS")
    add("--certificate-key", metavar="FILE", help="its key, if not in the same file")
    add("--quiet", action="store_true", help="log warnings and errors alone")
    return parser


class _Storage(argparse.Action):
    """Takes the storage, and how it may be called in what is printed: without a password."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, _option: Any = None) -> None:
        """Keep both."""
        namespace.storage = values
        namespace.storage_name = values.partition(":")[0]


def _option(text: str) -> tuple[str, Any]:
    """Return name and value of an option: JSON where it is some, else text.

    Raises:
        ConfigurationError: It is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        message = f"-o takes option=value, not {name!r:.40}"
        raise ConfigurationError(message, option=name)
    if value.startswith(_ENV):
        return name, _from_environment(value, f"-o {name}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _from_environment(text: str, what: str) -> str:
    """Return the value of the variable that ``env:NAME`` stands for; other texts as they are.

    Raises:
        ConfigurationError: There is no such variable.
    """
    if not text.startswith(_ENV):
        return text
    name = text.removeprefix(_ENV)
    value = os.environ.get(name)
    if not value:
        message = f"{what} is {text!r:.80}, and no such variable is set"
        raise ConfigurationError(message, option=what)
    return value


def _positive(text: str) -> int:
    """Return a number above 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or not int(text):
        message = f"{text!r} is no number above 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)
