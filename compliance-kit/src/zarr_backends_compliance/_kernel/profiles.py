"""How thorough a run is: sizes, counts and repetitions of the checks."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["PROFILES", "Level", "Profile"]

Level: TypeAlias = Literal["quick", "standard", "soak"]
"""The first profile that a check belongs to; later ones contain earlier ones."""


class Profile(NamedTuple):
    """The measures that checks take their sizes from."""

    name: Level
    value_nbytes: tuple[int, ...]
    """Sizes of chunks that are written and read back."""
    listed: tuple[int, ...]
    """Numbers of chunks that are listed; the last is beyond every page of 1000."""
    examples: int
    """Sequences that a state machine tries, and examples of a property."""
    threads: int
    """Threads that work at once."""
    processes: int
    """Processes that work at once."""
    rounds: int
    """Repetitions of what may go wrong by chance: operations of each thread or process."""
    kills: int
    """Writers that are killed."""

    @property
    def rank(self) -> int:
        """Position among the profiles."""
        return list(PROFILES).index(self.name)

    def includes(self, level: Level) -> bool:
        """Whether checks of a level belong to this profile."""
        return PROFILES[level].rank <= self.rank


PROFILES = MappingProxyType(
    {
        "quick": Profile("quick", (0, 1, 81_920, 2**20), (0, 1, 10, 1_100), 5, 8, 2, 25, 4),
        "standard": Profile(
            "standard", (0, 1, 81_920, 17 * 10**6, 64 * 2**20), (0, 1, 10, 2_500), 15, 16, 4, 50, 12
        ),
        "soak": Profile(
            "soak", (0, 1, 81_920, 17 * 10**6, 64 * 2**20), (0, 1, 10, 12_000), 150, 64, 8, 500, 200
        ),
    }
)
"""Profiles by name, from the shortest to the longest."""
