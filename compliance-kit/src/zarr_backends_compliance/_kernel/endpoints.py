"""What is around a backend: the server that its options name, credentials, other processes.

The address of a server is found in what options look like, since no backend has to say it:

* a url, or several in one connection string: ``redis://user:password@host:6379/0``; where it
  names several hosts, the first one counts and one address takes the place of all,
* ``host=... port=...`` in one string, as PostgreSQL's clients take it,
* an option ``host`` (or ``server`` ...) beside one that is named ``port``, or with the port
  after a colon.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from zarr_backends._storage.registry.options import parameters_of
from zarr_backends_compliance._kernel.credentials import secrets_of
from zarr_backends_compliance._kernel.option_values import OptionPath, leaves, replaced
from zarr_backends_compliance._kernel.target import PLACEHOLDER, Target

__all__ = ["Endpoint", "behind", "endpoint_of", "is_listening", "surroundings_of"]

_HOST_NAMES = frozenset({"address", "endpoint", "host", "hostname", "hosts", "server", "servers"})
"""Names of options that are the host of a server."""

_PORTS: Mapping[str, int] = MappingProxyType(
    {
        "ftp": 21, "http": 80, "https": 443, "mongodb": 27017, "mysql": 3306, "postgres": 5432,
        "postgresql": 5432, "redis": 6379, "rediss": 6379, "sftp": 22, "smb": 445, "ssh": 22,
        "webdav": 80,
    }
)  # fmt: skip
"""Port of a url that names none, by the scheme in front of any ``+driver``."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?:[^/?#\s;]*@)?(?P<hosts>[^/?#\s;@]+)")
_DSN_HOST = re.compile(r"\bhost\s*=\s*(?P<hosts>[^\s;]+)")
_DSN_PORT = re.compile(r"\bport\s*=\s*(?P<port>\d+)[^\s;]*")
_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^:,\[\]]+)(?::(?P<port>\d+))?")


@dataclass(frozen=True)
class Endpoint:
    """Where the server of a backend listens, and which option says so."""

    host: str
    port: int
    scheme: str
    """Scheme of the url, "" where the address is not in one."""
    path: OptionPath
    """The option."""

    def moved(self, options: Mapping[str, Any], host: str, port: int) -> dict[str, Any]:
        """Return options with another address in place of this one."""
        value = _value_at(options, self.path)
        moved: str | list[str]
        if self.scheme:
            moved = _moved_urls(str(value), f"{host}:{port}")
        elif _DSN_HOST.search(str(value)):
            moved = _DSN_PORT.sub(f"port={port}", _DSN_HOST.sub(f"host={host}", str(value)))
        elif ":" in str(value):
            moved = [f"{host}:{port}"] if isinstance(value, list) else f"{host}:{port}"
        else:
            return replaced(replaced(options, self.path, host), (*self.path[:-1], "port"), port)
        return replaced(options, self.path, moved)


def surroundings_of(target: Target) -> frozenset[str]:
    """Return the names of what there is around a backend; see `SURROUNDINGS`."""
    endpoint = endpoint_of(target)
    facts = {
        "places": target.has_places,
        "network": endpoint is not None,
        "http": endpoint is not None and endpoint.scheme == "http",
        "secret": bool(secrets_of(target.options)),
    }
    return frozenset(name for name, holds in facts.items() if holds)


def endpoint_of(target: Target) -> Endpoint | None:
    """Return the address of the server that the options name, None where they name none.

    Args:
        target: The backend and its options. Nothing is connected to.
    """
    return next(_endpoints(target), None)


def behind(target: Target, host: str, port: int) -> Target:
    """Return a target whose server is reached at another address.

    Args:
        target: One that has an endpoint.
        host: Host of the proxy.
        port: Port of the proxy.

    Raises:
        ValueError: The target names no server.
    """
    endpoint = endpoint_of(target)
    if endpoint is None:
        message = f"{target!r} names no server"
        raise ValueError(message)
    return target.with_options(**endpoint.moved(target.options, host, port))


def is_listening(endpoint: Endpoint, timeout_s: float = 5.0) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((endpoint.host, endpoint.port), timeout_s).close()
    except OSError:
        return False
    return True


def _endpoints(target: Target) -> Iterator[Endpoint]:
    """Yield every address that options look like, urls first."""
    values = [(path, _text(value)) for path, value in leaves(target.options)]
    for path, text in values:
        for match in _URL.finditer(text):
            scheme = match["scheme"].lower()
            yield from _found(match["hosts"], _PORTS.get(scheme.partition("+")[0]), scheme, path)
    for path, text in values:
        dsn, port = _DSN_HOST.search(text), _DSN_PORT.search(text)
        if dsn and port:
            yield from _found(dsn["hosts"], int(port["port"]), "", path)
        elif path[-1].lower() in _HOST_NAMES and "://" not in text:
            yield from _found(text, _port_beside(target, path), "", path)


def _found(hosts: str, port: int | None, scheme: str, path: OptionPath) -> Iterator[Endpoint]:
    """Yield the first of some hosts, if it is one and its port is known."""
    match = _ADDRESS.fullmatch(hosts.partition(",")[0])
    if match is None or PLACEHOLDER in hosts:
        return
    number = match["port"] or port
    if number:
        yield Endpoint(match["host"].strip("[]"), int(number), scheme, path)


def _port_beside(target: Target, path: OptionPath) -> int | None:
    """Return the port that goes with a host: given, or the option's default."""
    value = _value_at(target.options, (*path[:-1], "port"))
    if value is None and len(path) == 1 and "port" in parameters_of(target.backend):
        value = parameters_of(target.backend)["port"].default
    return int(value) if str(value).isdigit() else None


def _value_at(options: Mapping[str, Any], path: OptionPath) -> Any:
    """Return the value of an option, None where there is none."""
    return dict(leaves(options)).get(path)


def _text(value: Any) -> str:
    """Return a value as a string in which an address may be."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else ""


def _moved_urls(text: str, address: str) -> str:
    """Return urls with another address in place of the first one's hosts."""
    first = _URL.search(text)
    hosts = first["hosts"] if first else ""

    def moved(match: re.Match[str]) -> str:
        end = match.start("hosts") - match.start()
        return match[0][:end] + (address if match["hosts"] == hosts else match["hosts"])

    return _URL.sub(moved, text)
