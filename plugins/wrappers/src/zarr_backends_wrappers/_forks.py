"""Locks and threads do not survive a fork: whoever has some gets new ones in the child."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakValueDictionary

__all__ = ["renew_after_fork"]


class _Renewable(Protocol):
    """Has locks or threads."""

    def renew(self) -> None:
        """Make the locks anew, as nobody holds them, and forget the threads."""
        ...


_known: WeakValueDictionary[int, _Renewable] = WeakValueDictionary()
"""Those that are alive, by identity: two that are equal have locks of their own."""


def renew_after_fork(holder: _Renewable) -> None:
    """Call ``holder.renew()`` now, and in every child that is forked while it is alive."""
    holder.renew()
    _known[id(holder)] = holder


def _renew_all() -> None:
    for holder in list(_known.values()):
        holder.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
