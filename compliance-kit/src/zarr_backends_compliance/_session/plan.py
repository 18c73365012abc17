"""What a run is going to do, said before it does anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from zarr_backends_compliance._kernel.target import PLACEHOLDER, Target
from zarr_backends_compliance._session.request import Request

__all__ = ["Plan", "plan_of"]

_NAMES = "zbc-xxxxxxxx-..."
"""How the names look that take the placeholder's place."""

_USUAL = 50
"""Requests of a check that was never counted."""


class Plan(NamedTuple):
    """What a run will write, and how many requests that takes."""

    places: str
    """Where it writes."""
    is_harmless: bool
    """Whether it writes nothing outside of this process and a temporary folder."""
    requests: int
    """About how many there will be; counted on another backend."""

    def sentences(self) -> list[str]:
        """Return the plan as a user reads it."""
        requests = f"about {self.requests:,} requests"
        return [f"Writes {self.places}.", f"Makes {requests}. Deletes what it wrote at the end."]


def plan_of(request: Request, target: Target) -> Plan:
    """Return what a run is going to do; connects nowhere.

    Args:
        request: What was asked for.
        target: What became of its target.
    """
    counted = _counted()
    profile = request.profile.name
    requests = sum(counted.get(profile, {}).get(check.id, _USUAL) for check in request.checks)
    is_memory = target.backend.backend_id == "memory"
    return Plan(
        request.options.hidden(_places(target)), target.disposable or is_memory, _rounded(requests)
    )


def _places(target: Target) -> str:
    """Return where arrays will be, and how they will be named."""
    named = [
        f"{option}={value}".replace(PLACEHOLDER, _NAMES)
        for option, value in target.options.items()
        if PLACEHOLDER in str(value)
    ]
    if not named:
        return "one array after the other at the place that the options name"
    return f"arrays at {', '.join(named)}, each x a random digit"


@cache
def _counted() -> Mapping[str, Mapping[str, int]]:
    """Return the requests of each check by profile, as ``count_requests`` counted them."""
    text = files(__package__).joinpath("requests.json").read_text("utf-8")
    counted: Mapping[str, Mapping[str, int]] = json.loads(text)
    return counted


def _rounded(count: int) -> int:
    """Return a number with two digits that count."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return int(round(count / unit) * unit)
