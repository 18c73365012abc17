"""The watcher's view of the machine's processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zarr_backends_compliance.services import _guard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers need POSIX processes")


def test_the_table_has_this_process() -> None:
    """Its parent and session are those that the system calls tell."""
    entry = _guard.process_table()[os.getpid()]
    assert (entry.parent, entry.session) == (os.getppid(), os.getsid(0))


def test_a_tree_holds_the_children() -> None:
    """A child is part of its parent's tree, and vanishes from it."""
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        assert child.pid in _guard.tree_of(os.getpid())
        child.kill()
        child.wait()
        assert child.pid not in _guard.tree_of(os.getpid())


def test_a_younger_process_of_the_same_id_is_spared() -> None:
    """Nothing happens to a process that started at another time than the one that is meant."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as child:
        _guard.kill_tree(child.pid, started="long ago")
        assert child.poll() is None
        _guard.kill_tree(child.pid, _guard.started_at(child.pid))
        assert child.wait() == -9


def test_systems_without_proc_are_asked_by_ps() -> None:
    """The other way to list processes finds the same parent."""
    if not Path("/bin/ps").exists():
        pytest.skip("no ps")
    assert _guard._table_of_ps()[os.getpid()].parent == os.getppid()  # noqa: SLF001 - macOS has it


def test_the_watcher_refuses_a_folder_that_exists(tmp_path: Path) -> None:
    """What is not its own is not touched."""
    (tmp_path / "precious").write_text("")
    command = [sys.executable, "-I", "-S", _guard.__file__, str(tmp_path)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode != 0
    assert (tmp_path / "precious").exists()


def test_a_line_that_was_cut_off_names_nobody(tmp_path: Path) -> None:
    """A number of which the end is missing is not taken for another one."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as child:
        command = [sys.executable, "-I", "-S", _guard.__file__, str(tmp_path / "new")]
        subprocess.run(command, input=f"+{child.pid}".encode(), capture_output=True, check=True)
        assert child.poll() is None
        child.kill()
