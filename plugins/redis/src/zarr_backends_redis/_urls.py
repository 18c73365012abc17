"""Urls of places in Redis.

=====================================================  =======================================
url                                                    stands for
=====================================================  =======================================
``redis://[user:password@]host[:port][/db[/prefix]]``  one server, or any of a cluster
``redis+sentinel://host,host/master[/db[/prefix]]``    the primary that sentinels name
``redis+cluster://host,host[/0[/prefix]]``             a cluster; the hosts are tried in turn
=====================================================  =======================================

``rediss`` in place of ``redis`` means TLS, for the servers and for the sentinels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias
from urllib.parse import quote, unquote

from zarr_backends import ConfigurationError
from zarr_backends_redis._errors import BACKEND_ID

__all__ = ["Address", "Kind", "Place", "place_of_url", "without_prefix"]

Address: TypeAlias = tuple[str, int]
"""Host and port."""

Kind: TypeAlias = Literal["server", "sentinel", "cluster"]

_URL = re.compile(
    r"(?P<scheme>rediss?)(?:\+(?P<kind>sentinel|cluster))?://"
    r"(?:(?P<user>[^/?#@:]*)(?::(?P<password>[^/?#@]*))?@)?(?P<hosts>[^/?#@]+)(?:/(?P<path>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:\[\]]+))(?::(?P<port>\d{1,5}))?")

_PORTS = {"server": 6379, "cluster": 6379, "sentinel": 26379}
_MAX_PORT = 65535

_EXAMPLE = "redis://user:password@host:6379/0/prefix, with special characters as % and two digits"


@dataclass(frozen=True, slots=True)
class Place:
    """What a url says."""

    kind: Kind
    tls: bool
    seeds: tuple[Address, ...]
    """Servers, or sentinels."""
    master_name: str
    """What sentinels call the primary; empty without them."""
    db: int
    username: str | None
    password: str | None
    prefix: str | None
    """None where the url names none."""

    def url(self) -> str:
        """Return the url without credentials and prefix."""
        scheme = ("rediss" if self.tls else "redis") + (
            "" if self.kind == "server" else f"+{self.kind}"
        )
        hosts = ",".join(
            f"[{host}]:{n}" if ":" in host else f"{host}:{n}" for host, n in self.seeds
        )
        master = f"/{quote(self.master_name, safe='')}" if self.master_name else ""
        return f"{scheme}://{hosts}{master}/{self.db}"


def place_of_url(url: object) -> Place:
    """Return what a url says.

    Args:
        url: One of the forms above.

    Raises:
        ConfigurationError: It is none. The message quotes nothing, as a password may be in it.
    """
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        _refuse(f"url must be a str such as {_EXAMPLE}")
    kind: Kind = (match["kind"] or "server").lower()  # type: ignore[assignment]  # one of three
    path = match["path"] or ""
    if "?" in path or "#" in path:
        _refuse("url has a ? or #; options are given beside the url, and in a prefix they are "
                "%3F and %23")  # fmt: skip
    master, db, prefix = _parts_of(path, kind)
    return Place(
        kind=kind,
        tls=match["scheme"].lower() == "rediss",
        seeds=_seeds_of(match["hosts"], kind),
        master_name=master,
        db=db,
        username=_decoded(match["user"]) or None,
        password=_decoded(match["password"]) or None,
        prefix=prefix,
    )


def without_prefix(url: str) -> str:
    """Return a url without the prefix in it, and with everything else.

    Args:
        url: One that `place_of_url` takes.
    """
    nparts = 5 if "+sentinel" in url.partition("://")[0].lower() else 4
    return "/".join(url.split("/")[:nparts])


def _parts_of(path: str, kind: Kind) -> tuple[str, int, str | None]:
    """Return the name of the primary, the database and the prefix."""
    master = ""
    if kind == "sentinel":
        master, _, path = path.partition("/")
        if not master:
            _refuse("url of sentinels must name the primary: redis+sentinel://host,host/name/0")
    db, _, prefix = path.partition("/")
    if db and not re.fullmatch(r"[0-9]{1,6}", db):
        _refuse(f"url has {db!r:.40} where the number of the database is: {_EXAMPLE}")
    if kind == "cluster" and int(db or 0):
        _refuse("url has a database; a cluster has 0 alone: redis+cluster://host,host/0/prefix")
    return _decoded(master) or "", int(db or 0), _decoded(prefix) or None


def _seeds_of(hosts: str, kind: Kind) -> tuple[Address, ...]:
    """Return the addresses."""
    seeds = []
    for text in hosts.split(","):
        match = _HOST.fullmatch(text)
        port = int(match["port"] or _PORTS[kind]) if match else 0
        if match is None or not 0 < port <= _MAX_PORT:
            _refuse(f"url must name hosts as host:port or [address]:port: {_EXAMPLE}")
        seeds.append((match["v6"] or match["name"], port))
    if kind == "server" and len(seeds) > 1:
        _refuse("url has several hosts; write redis+cluster:// or redis+sentinel://")
    return tuple(seeds)


def _decoded(text: str | None) -> str | None:
    """Return a part of a url without its % signs."""
    decoded = None if text is None else unquote(text)
    if decoded is not None and "\N{REPLACEMENT CHARACTER}" in decoded:
        _refuse("what stands behind the % signs of the url is not UTF-8")
    return decoded


def _refuse(message: str) -> NoReturn:
    """Refuse a url.

    Raises:
        ConfigurationError: Always.
    """
    raise ConfigurationError(message, backend=BACKEND_ID, option="url")
