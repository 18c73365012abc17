"""The command ``zarr-backends-compliance``, run as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAIN = "from zarr_backends_compliance._cli import main; main()"
"""What the script that pip installs does."""

HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""Undoes what a shell does to what it runs in the background: its children ignore SIGINT."""

FAULTY = "zarr_backends_compliance._mutants.reading:EmptyForMissing"
"""A backend that reads a missing chunk as empty."""


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return its status, output and messages."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *words],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "200", **variables},
    )


def test_a_backend_that_complies() -> None:
    """Status 0, one line, and beforehand what is written and how many requests it takes."""
    result = run("run", "memory", "--only", "ZB-READ")
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("memory (quick profile, seed 0) complies")
    assert len(result.stdout.splitlines()) == 1
    assert "Writes arrays at prefix=zbc-" in result.stderr
    assert "requests" in result.stderr


def test_a_backend_that_does_not_comply() -> None:
    """Status 1, and what a new author needs in less than 30 lines."""
    result = run("run", FAULTY, "--only", "ZB-READ-02", "--seed", "7")
    assert result.returncode == 1
    failure = result.stdout.partition("\n\nzarr_backends")[0]
    assert len(failure.splitlines()) < 30
    assert "A chunk that is not stored raises ChunkNotFoundError" in failure
    assert "read_chunk((1,)) returned b''" in failure
    assert f"zarr-backends-compliance run {FAULTY} --only ZB-READ-02 --seed 7" in failure


def test_the_printed_program_shows_the_fault(tmp_path: Path) -> None:
    """It runs as it stands, and fails with what the check saw."""
    result = run("run", FAULTY, "--only", "ZB-READ-02")
    program = result.stdout.partition("  program\n")[2].partition("\n\nzarr_backends")[0]
    path = tmp_path / "program.py"
    path.write_text("\n".join(line[4:] for line in program.splitlines()), "utf-8")
    ended = subprocess.run([sys.executable, path], check=False, capture_output=True, text=True)
    assert "Violation: read_chunk((1,)) returned b''" in ended.stderr


def test_a_backend_whose_threads_never_end(tmp_path: Path) -> None:
    """Does not keep the command from ending, with the status that it has told."""
    tmp_path.joinpath("clinging.py").write_text(
        "import threading\n"
        "from zarr_backends._storage.memory.backend import MemoryBackend\n"
        "class Clinging(MemoryBackend):\n"
        "    def connect(self, **options):\n"
        "        super().connect(**options)\n"
        "        threading.Thread(target=threading.Event().wait).start()\n",
        "utf-8",
    )
    words = ("run", "clinging:Clinging", "--only", "ZB-READ-01")
    result = run(*words, PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "complies" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("run", "memory", "--only", "ZB-NOTHING"),
        ("run", "memory", "--profile", "endless"),
        ("run", "memory", "-o", "prefix"),
        ("run", "memory", "-o", "colour=red"),
        ("run", "memory", "-o", "prefix=env:NOT_THERE"),
        ("run", "no_such_backend"),
        ("run", "no.such.module:Class"),
        ("run", "memory", "--deviations", "no such file"),
        ("serve", "no_such_service"),
        ("explain", "ZB-NOTHING-01"),
    ],
)
def test_wrong_usage(words: tuple[str, ...]) -> None:
    """Status 2 and a message, no traceback: nothing is said about the backend."""
    result = run(*words)
    assert result.returncode == 2
    assert result.stderr.startswith(("Error: ", "Usage: "))
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_failure_of_the_kit_is_no_finding() -> None:
    """Whatever breaks in the kit itself ends with 2."""
    code = f"import zarr_backends_compliance._commands.run as r; r.plan_of = None; {MAIN}"
    words = [sys.executable, "-c", code, "run", "memory", "--only", "ZB-READ-01"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "TypeError" in ended.stderr


def test_list_and_explain() -> None:
    """Every check has its sentence, and one of them is told whole."""
    listed = run("list").stdout
    assert "ZB-READ-02" in listed
    told = run("explain", "ZB-READ-02").stdout
    assert "never None, never empty bytes" in told
    assert "from zarr_backends_compliance import" in told
    assert "raises(ChunkNotFoundError" in told


def test_serve_names_what_there_is() -> None:
    """Without a name it lists the services."""
    assert "tcp_proxy" in run("serve").stdout.split()


def test_secrets_are_read_and_not_shown(tmp_path: Path) -> None:
    """An option from the environment appears by the name of its variable alone."""
    where = str(tmp_path / "hunter2-place")
    words = ("run", FAULTY, "-o", "path=env:PLACE", "--only", "ZB-READ-02")
    result = run(*words, "--report", str(tmp_path / "report"), PLACE=where)
    assert result.returncode == 1
    assert "-o path=env:PLACE" in result.stdout
    reports = [path.read_text("utf-8") for path in (tmp_path / "report").iterdir()]
    assert not any("hunter2" in text for text in [result.stdout, result.stderr, *reports])


def test_nothing_is_left_in_a_place_that_is_used(tmp_path: Path) -> None:
    """Files that were there stay as they are, and nothing new is among them."""
    (tmp_path / "mine").write_text("precious")
    for target in ("filesystem", FAULTY):
        run("run", target, "-o", f"path={tmp_path / 'new'}", "--only", "ZB-READ")
        run("run", "filesystem", "-o", f"path={tmp_path}", "--only", "ZB-READ,ZB-WRITE")
        assert [path.name for path in tmp_path.iterdir() if path.name != "new"] == ["mine"]
    assert (tmp_path / "mine").read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cleans_up(tmp_path: Path, number: int) -> None:
    """In the middle of a check: status 130, the kit's names vanish, others stay."""
    (tmp_path / "zbc-of-somebody-else").write_text("precious")
    words = ["run", "filesystem", "-o", f"path={tmp_path}", "--profile", "soak"]
    with subprocess.Popen(
        [sys.executable, "-c", HEARD + MAIN, *words],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(list(tmp_path.iterdir())) >= 2
        process.send_signal(number)
        assert b"Interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["zbc-of-somebody-else"]


def test_one_seed_gives_the_same_verdicts() -> None:
    """What is told of two runs differs in durations alone."""
    outputs = [run("run", "memory", "--seed", "3").stdout.rpartition(",")[0] for _ in range(2)]
    assert "memory (quick profile, seed 3)" in outputs[0]
    assert outputs[0] == outputs[1]


def test_the_readme_shows_the_families() -> None:
    """The table of the README is what ``list --families`` prints."""
    readme = Path(__file__).parents[1] / "README.md"
    assert run("list", "--families").stdout.strip() in readme.read_text("utf-8")
