"""What is stored, and the commands that read and change it.

A place with the prefix ``run`` has the keys ``{run}/zarr.json``, ``{run}/c/0/0`` ..., whose
values are plain strings, and ``{run}``, a sorted set of the names behind the slash. All of
them are in one slot of a cluster, because of the braces. A value and its name in the set
change together; the set may name values that expired, or that the server has evicted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zarr_backends import Buffer, ConfigurationError, contiguous_view
from zarr_backends_redis._clients import Command
from zarr_backends_redis._errors import BACKEND_ID

__all__ = ["ABSENT", "MAX_VALUE_NBYTES", "PAGE", "Commands", "digest", "encoded_key", "owned"]

MAX_VALUE_NBYTES = 512 * 2**20
"""Longest string that Redis keeps (its setting proto-max-bulk-len, if nobody changed it)."""

PAGE = 1000
"""Names that are listed, or deleted, at a time."""

_GROUP_NBYTES = 8 * 2**20
"""Bytes that one transaction writes at most, unless a single value has more; a server does
nothing else meanwhile."""

_SMALL_NBYTES = 4096
"""Values up to here are sent together with the command, in one packet."""

_LAST = b"\xff"
"""Comes after every character in UTF-8."""

ABSENT = b""
"""The digest of a value that is not there."""

_ADD_UNTIL = """
local left = redis.call('PTTL', KEYS[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
if left ~= -1 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 0
"""
"""Put names into the index, which lasts as long as the value that lasts longest."""

_EXCHANGE = """
local old = redis.call('GET', KEYS[1])
local seen = ''
if old then seen = #old .. ':' .. redis.sha1hex(old) end
if seen ~= ARGV[1] then
  if ARGV[4] == '1' then return {0, old} else return {0} end
end
local ttl, name = tonumber(ARGV[2]), ARGV[3]
if not ARGV[5] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], name)
  return {1}
end
local left = redis.call('PTTL', KEYS[2])
if ttl > 0 then redis.call('SET', KEYS[1], ARGV[5], 'PX', ttl)
else redis.call('SET', KEYS[1], ARGV[5]) end
redis.call('ZADD', KEYS[2], 0, name)
if ttl == 0 then redis.call('PERSIST', KEYS[2])
elseif left ~= -1 and left < ttl then redis.call('PEXPIRE', KEYS[2], ttl) end
return {1}
"""
"""Replace or delete a value if it still is what the caller has seen."""


class Commands:
    """Makes the commands of one place.

    Args:
        prefix: Name of the place.
        ttl_ms: Milliseconds that values last, 0 for ever.
    """

    def __init__(self, prefix: str, ttl_ms: int) -> None:
        """Name the index."""
        # A brace would end the name too early.
        name = prefix.replace("%", "%25").replace("}", "%7D")
        self.index = f"{{{name}}}".encode()
        self._ttl_ms = ttl_ms

    def key(self, name: bytes) -> bytes:
        """Return the key of a value."""
        return self.index + b"/" + name

    def set(self, values: Mapping[bytes, Buffer]) -> Iterator[Command]:
        """Yield commands that replace values, in as few transactions as may be."""
        lasting = ("PX", self._ttl_ms) if self._ttl_ms else ()
        for names in _grouped(values):
            yield ("MULTI",)
            yield from (("SET", self.key(name), values[name], *lasting) for name in names)
            if self._ttl_ms:
                yield ("EVAL", _ADD_UNTIL, 1, self.index, self._ttl_ms, *names)
            else:
                yield ("ZADD", self.index, *(word for name in names for word in (0, name)))
                yield ("PERSIST", self.index)
            yield ("EXEC",)

    def delete(self, names: Sequence[bytes]) -> Iterator[Command]:
        """Yield commands that delete values."""
        for first in range(0, len(names), PAGE):
            some = names[first : first + PAGE]
            yield ("MULTI",)
            yield ("UNLINK", *map(self.key, some))
            yield ("ZREM", self.index, *some)
            yield ("EXEC",)

    def exchange(
        self, name: bytes, seen: bytes, value: Buffer | None, *, tell: bool = True
    ) -> Command:
        """Return the command that replaces a value if it still is what was seen.

        Args:
            name: Whose value it is.
            seen: Digest of what was seen.
            value: New value, None to delete.
            tell: Whether the reply has the value that is there instead.
        """
        new = () if value is None else (value,)
        keys = self.key(name), self.index
        return ("EVAL", _EXCHANGE, 2, *keys, seen, self._ttl_ms, name, int(tell), *new)

    def names(self, prefix: bytes, after: bytes | None, count: int = PAGE) -> Command:
        """Return the command that lists names that start with a prefix.

        Args:
            prefix: Bytes that they start with.
            after: Name that they follow, None to begin.
            count: How many at most.
        """
        first = b"[" + prefix if after is None else b"(" + after
        last = b"[" + prefix + _LAST if prefix else b"+"
        return ("ZRANGEBYLEX", self.index, first if first != b"[" else b"-", last,
                "LIMIT", 0, count)  # fmt: skip


def _grouped(values: Mapping[bytes, Buffer]) -> Iterator[list[bytes]]:
    """Yield names of values in groups of not too many bytes."""
    group: list[bytes] = []
    nbytes = 0
    for name, value in values.items():
        if group and (nbytes + len(value) > _GROUP_NBYTES or len(group) == PAGE):
            yield group
            group, nbytes = [], 0
        group.append(name)
        nbytes += len(value)
    if group:
        yield group


def digest(value: Any) -> bytes:
    """Return what stands for a value where it is compared; None stands for none."""
    if value is None:
        return ABSENT
    return b"%d:%s" % (len(value), hashlib.sha1(value, usedforsecurity=False).hexdigest().encode())


def owned(value: Buffer) -> Buffer:
    """Return what is sent of a value, without a copy where it is large.

    Raises:
        ConfigurationError: Redis cannot hold it.
    """
    view = contiguous_view(value)
    if view.nbytes > MAX_VALUE_NBYTES:
        message = (
            f"a value of {view.nbytes:,} bytes is more than Redis keeps under a key "
            f"({MAX_VALUE_NBYTES:,}): take smaller chunks, or smaller shards"
        )
        raise ConfigurationError(message, backend=BACKEND_ID, option="value")
    if isinstance(value, bytes):
        return value
    return bytes(view) if view.nbytes <= _SMALL_NBYTES else view


def encoded_key(key: str) -> bytes:
    """Return the bytes of a key.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        if key:
            return key.encode()
    except (AttributeError, UnicodeEncodeError):
        pass
    message = f"a key is a string of at least one Unicode character, not {key!r:.80}"
    raise ConfigurationError(message, backend=BACKEND_ID, option="key")
