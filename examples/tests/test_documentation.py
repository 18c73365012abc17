"""What the documentation shows works, and where it points to exists."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SHOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("core/**/*.md"))]
"""Documents whose code needs no server and no plugin."""

DISTRIBUTIONS = [*sorted(ROOT.glob("compliance-kit/**/*.md")), *sorted(ROOT.glob("plugins/*/*.md"))]

DOCUMENTS = SHOWN + DISTRIBUTIONS

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def code(document: Path) -> str:
    """Return the Python blocks of a document as one script, every line at its own number."""
    lines, inside = [], False
    for line in document.read_text("utf-8").splitlines():
        inside = line != "```" if inside else line == "```python"
        lines.append(line if inside and line != "```python" else "")
    return "\n".join(lines)


def anchors(document: Path) -> set[str]:
    """Return what links may name in a document: its headings in lower case, with hyphens."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def name(document: Path) -> str:
    """Return a document's path as test ids show it."""
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", [d for d in SHOWN if code(d).strip()], ids=name)
def test_the_code_of_a_document_runs(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All Python blocks of one document, from top to bottom, in an empty folder."""
    script = tmp_path / f"{document.stem}.py"
    script.write_text(code(document), "utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    """Every relative link names a file that is there, and a heading that is in it."""
    for target, anchor in LINK.findall(document.read_text("utf-8")):
        if "://" not in target:
            path = document.parent / target if target else document
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), f"{target}#{anchor}"
