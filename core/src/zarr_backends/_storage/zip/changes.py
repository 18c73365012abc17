"""Changes of an archive that wait for the next flush.

New members lie in a side file, so that memory stays small; here is what was changed and
what it replaces. A change remembers which version of its member the archive had when it
was first made; so a flush finds out when somebody else changed the same member.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import NamedTuple

from zarr_backends._storage.zip.directory import Directory, Fingerprint
from zarr_backends._storage.zip.members import MemberReader
from zarr_backends._storage.zip.names import encode_name
from zarr_backends._storage.zip.records import Member
from zarr_backends._storage.zip.rewrite import copy_members
from zarr_backends._storage.zip.side_file import SideFile, remove_stale
from zarr_backends.errors import ConflictError

__all__ = ["Change", "Changes"]

_COMPACTION_NBYTES = 2**26
"""Bytes of replaced members that a side file may hold before they are dropped from it, if
they are the larger part of it."""


class Change(NamedTuple):
    """What a flush will do to one member."""

    base: Fingerprint | None
    """The version that is replaced; None where there was none."""
    member: Member | None = None
    """The new member in the side file; None deletes."""
    reader: MemberReader | None = None
    """Reads `member`."""


class Changes:
    """The pending changes of one archive; its owner serialises everything but look-ups."""

    def __init__(self, archive_path: str) -> None:
        """Prepare for changes of an archive; creates nothing."""
        self._archive_path = archive_path
        self.by_name: dict[str, Change] = {}
        self.side: SideFile | None = None

    def write(self, name: str, value: memoryview, crc: int, base: Fingerprint | None) -> None:
        """Append a new version of a member to the side file.

        Args:
            name: Name of the member.
            value: Its value.
            crc: CRC-32 of the value.
            base: The version that the archive has, for a first change.

        Raises:
            ConfigurationError: The name cannot be stored.
            OSError: Writing failed; nothing is changed.
        """
        raw_name, flags = encode_name(name)
        side = self._side_file()
        member = side.append(raw_name, flags, value, crc)
        self._set(name, Change(base, member, side.reader))
        if side.dead_nbytes > max(_COMPACTION_NBYTES, side.nbytes // 2):
            # The disk may be too full for a copy; what is pending stays where it is then.
            with contextlib.suppress(OSError):
                self._compact(side)

    def delete(self, name: str, base: Fingerprint | None) -> None:
        """Note that a member is to be deleted; `base` as in `write`."""
        self._set(name, Change(base))

    def members(self) -> dict[str, Member]:
        """Return the members in the side file by name."""
        return {name: c.member for name, c in self.by_name.items() if c.member is not None}

    def check(self, directory: Directory) -> None:
        """Compare with the archive as it is now.

        Raises:
            ConflictError: A member that is to be changed was changed there meanwhile.
        """
        for name, change in self.by_name.items():
            if directory.fingerprint(name) != change.base:
                message = (
                    f"{name!r:.80} was changed here and by somebody else, who was first, in "
                    f"{self._archive_path!r}. Nothing was written and the changes made here are "
                    "kept; discard() drops them, then make them again on what is stored now"
                )
                raise ConflictError(message, backend="zip", key=name, transient=False)

    def remove(self) -> None:
        """Remove the side file."""
        side, self.side = self.side, None
        if side is not None:
            side.remove()

    def _set(self, name: str, change: Change) -> None:
        """Put a change in the place of an earlier one of the same member."""
        old = self.by_name.get(name)
        if old is not None:
            change = change._replace(base=old.base)
            if self.side is not None and old.member is not None:
                self.side.forget(old.member)
        if change.base is None and change.member is None:
            self.by_name.pop(name, None)
        else:
            self.by_name[name] = change

    def _side_file(self) -> SideFile:
        """Return the side file, a new one where there is none.

        Raises:
            PermissionError: The archive must not be written to.
            OSError: Its folder cannot be.
        """
        if self.side is None:
            path = self._archive_path
            if os.path.exists(path) and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            remove_stale(path)
            self.side = SideFile(path)
        return self.side

    def _compact(self, old: SideFile) -> None:
        """Copy the members to a new side file, without those that were replaced.

        Raises:
            OSError: It could not be done; nothing is changed.
        """
        new = SideFile(self._archive_path)
        try:
            moved = copy_members(old.file, new, self.members())
        except OSError:
            new.remove()
            raise
        for name, member in moved.items():
            self.by_name[name] = Change(self.by_name[name].base, member, new.reader)
        self.side = new
        old.remove()
