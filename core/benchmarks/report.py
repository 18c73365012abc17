"""Putting what a script measured into a README, between two markers."""

from __future__ import annotations

from pathlib import Path

__all__ = ["insert"]


def insert(readme: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    Args:
        readme: File that has both markers.
        name: Name of the markers.
        text: Markdown that goes between them.

    Raises:
        ValueError: A marker is missing.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = readme.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        message = f"{readme} lacks the markers {begin} and {end}"
        raise ValueError(message)
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}")
