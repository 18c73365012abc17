"""Who may use a table, and what becomes of it when its owner has ended, or was killed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zarr_backends import ArrayNotFoundError, ConfigurationError, PermissionDeniedError
from zarr_backends_shared_memory import SharedMemoryBackend

Start = Callable[[str], Any]
Place = dict[str, Any]


def gone(backend: SharedMemoryBackend) -> bool:
    """Look until a table is gone; return whether it is in the end."""
    for _ in range(200):
        if not backend.table_exists():
            return True
        time.sleep(0.05)
    return False


def test_a_table_goes_away_with_an_owner_that_ends(other: Start, place: Place) -> None:
    """The owner removes it itself; nothing is left in the folder."""
    owner = other("table().set('a', b'x'); say('made')")
    assert owner.hear() == "made"
    owner.end()
    assert not any(Path(place["folder"]).iterdir())


def test_a_table_goes_away_with_an_owner_that_is_killed(other: Start, place: Place) -> None:
    """Whoever looks removes it; whoever uses it is told so."""
    owner = other("table().set('a', b'x'); say('made'); wait()")
    assert owner.hear() == "made"
    backend = SharedMemoryBackend.create(**place)
    assert backend.get("a") == b"x"
    owner.end(kill=True)
    assert gone(backend)
    with pytest.raises(ArrayNotFoundError, match=f"process {owner.pid}"):
        backend.get("a")
    with pytest.raises(ArrayNotFoundError, match="gone"):
        backend.set("a", b"y")
    assert not any(Path(place["folder"]).iterdir())


def test_the_name_of_a_vanished_table_can_be_used_again(other: Start, place: Place) -> None:
    """By a new instance, and by the old one after `close`."""
    owner = other("table().set('a', b'x'); say('made'); wait()")
    owner.hear()
    backend = SharedMemoryBackend.create(**place)
    backend.get("a")
    owner.end(kill=True)
    assert gone(backend)
    with SharedMemoryBackend.create(**place) as new:
        new.set("b", b"y")
        backend.close()
        assert backend.get("b") == b"y"
        new.delete_table()


def test_a_new_instance_hears_nothing_of_a_table_that_is_gone(other: Start, place: Place) -> None:
    """Also where an old instance of its process has not noticed yet."""
    owner = other("table().set('a', b'x'); say('made'); wait()")
    owner.hear()
    old = SharedMemoryBackend.create(**place)
    assert old.get("a") == b"x"
    owner.end(kill=True)
    assert SharedMemoryBackend.create(**place).get("a") is None
    with pytest.raises(ArrayNotFoundError, match="gone"):
        old.get("a")


def test_leftovers_of_killed_owners_go_when_another_table_is_made(
    other: Start, place: Place
) -> None:
    """Nobody has to ask for the table itself."""
    owner = other("table().set('a', b'x'); say('made'); wait()")
    owner.hear()
    owner.end(kill=True)
    assert any(Path(place["folder"]).iterdir())
    with SharedMemoryBackend.create(**{**place, "table_name": "another"}) as another:
        another.set("a", b"x")
        another.delete_table()
    assert not any(Path(place["folder"]).iterdir())


def test_half_made_tables_of_killed_processes_go(other: Start, place: Place) -> None:
    """Whatever of a table they had made, or not yet removed."""
    for name, files in ((".zarr-backends.1", ["writer"]), (".zarr-backends.2", ["owner", "alive"])):
        folder = Path(place["folder"], name)
        folder.mkdir()
        for file in files:
            (folder / file).touch()
    other("table().get('a')").end()
    assert not any(Path(place["folder"]).iterdir())


def test_a_table_whose_folder_was_removed_is_gone(
    backend: SharedMemoryBackend, place: Place, other: Start
) -> None:
    """For its owner and for others, also where somebody else has made another of that name."""
    backend.set("a", b"x")
    user = other("b = table(); say(b.get('a')); wait(); time.sleep(0.2); say(b.table_exists())")
    assert user.hear() == "b'x'"
    shutil.rmtree(backend.table_info()["path"])
    user.go_on()
    assert user.hear() == "False"
    time.sleep(0.2)
    for call in (lambda: backend.get("a"), lambda: backend.set("a", b"y")):
        with pytest.raises(ArrayNotFoundError, match="gone"):
            call()
    with SharedMemoryBackend.create(**place) as new:
        new.set("b", b"z")
        backend.close()
        assert backend.get("b") == b"z"


def test_a_kept_table_outlives_its_owner(other: Start, place: Place) -> None:
    """Also where it is killed."""
    owner = other("table(heir='keep').set('a', b'x'); say('made'); wait()")
    owner.hear()
    owner.end(kill=True)
    backend = SharedMemoryBackend.create(**place)
    assert backend.get("a") == b"x"
    assert backend.table_info()["heir"] == "keep"
    backend.delete_table()


def test_an_heir_inherits_a_table(other: Start, place: Place) -> None:
    """It owns the table when the owner is killed, and may then change what is protected."""
    owner = other(
        f"table(access='protected', heir={os.getpid()}).set('a', b'x'); say('made'); wait()"
    )
    assert owner.hear() == "made"
    backend = SharedMemoryBackend.create(**place)
    with pytest.raises(PermissionDeniedError):
        backend.set("a", b"y")
    owner.end(kill=True)
    while not backend.table_info()["is_owner"]:
        time.sleep(0.05)
    backend.set("a", b"y")
    assert backend.table_info()["owner"] == os.getpid()
    backend.delete_table()


def test_a_table_goes_away_when_owner_and_heir_are_killed(other: Start, place: Place) -> None:
    """It stays for as long as the heir runs, which need not know of it."""
    heir = other("say('runs'); wait()")
    owner = other(f"table(heir={heir.pid}).set('a', b'x'); say('made'); wait()")
    assert (heir.hear(), owner.hear()) == ("runs", "made")
    backend = SharedMemoryBackend.create(**place)
    owner.end(kill=True)
    assert backend.get("a") == b"x"
    time.sleep(0.2)
    assert backend.get("a") == b"x"
    heir.end(kill=True)
    assert gone(backend)


def test_a_process_without_files_left_is_told_so(other: Start) -> None:
    """It cannot look whether the owner runs; the next look may succeed."""
    owner = other("table().set('a', b'x'); say('made'); wait()")
    owner.hear()
    user = other("""
import resource
from zarr_backends import BackendError
b = table()
b.get("a")
files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, files[1]))
time.sleep(0.2)
try:
    b.get("a")
except BackendError as error:
    say(error.transient)
resource.setrlimit(resource.RLIMIT_NOFILE, files)
time.sleep(0.2)
say(b.get("a"))
""")
    assert (user.hear(), user.hear()) == ("True", "b'x'")


def test_a_private_table_is_for_its_owner_alone(other: Start, place: Place) -> None:
    """Others neither read nor write, and do not take it for empty."""
    owner = other("table(access='private').set('a', b'x'); say('made'); wait()")
    owner.hear()
    backend = SharedMemoryBackend.create(**place)
    for call in (lambda: backend.get("a"), lambda: backend.set("a", b"y"), backend.exists):
        with pytest.raises(PermissionDeniedError, match=f"process {owner.pid}"):
            call()
    with pytest.raises(PermissionDeniedError):
        list(backend.list_keys())


def test_a_protected_table_is_read_by_all(other: Start, place: Place) -> None:
    """Only its owner changes or deletes it."""
    owner = other("table(access='protected').set('a', b'x'); say('made'); wait()")
    owner.hear()
    backend = SharedMemoryBackend.create(**place)
    assert backend.get("a") == b"x"
    for call in (lambda: backend.set("a", b"y"), backend.clear_table, backend.delete_table):
        with pytest.raises(PermissionDeniedError, match="only its owner"):
            call()
    assert backend.get("a") == b"x"


def test_a_kept_protected_table_is_owned_by_who_writes_next(other: Start, place: Place) -> None:
    """Its former owner has ended."""
    owner = other("table(access='protected', heir='keep').set('a', b'x'); say('made')")
    owner.hear()
    owner.end()
    backend = SharedMemoryBackend.create(**place)
    backend.set("a", b"y")
    assert backend.table_info()["owner"] == os.getpid()
    backend.delete_table()


def test_a_forked_child_does_not_own_what_its_parent_owns(place: Place) -> None:
    """Nor does the table go away with it."""
    backend = SharedMemoryBackend.create(**place, access="protected")
    backend.set("a", b"x")
    pid = os.fork()
    if pid == 0:
        try:
            assert backend.get("a") == b"x"
            backend.set("a", b"y")
        except PermissionDeniedError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert backend.get("a") == b"x"
    assert backend.table_info()["is_owner"]
    backend.delete_table()


def test_an_occupied_name_is_an_error_where_options_differ(
    backend: SharedMemoryBackend, place: Place
) -> None:
    """The message says who has made the table and how."""
    backend.set("a", b"x")
    for wish in ({"access": "private"}, {"heir": "keep"}):
        with pytest.raises(ConfigurationError, match=f"process {os.getpid()}"):
            SharedMemoryBackend.create(**place, **wish).get("a")


def test_an_owner_that_is_refused_still_owns(other: Start, place: Place) -> None:
    """The table goes away with it."""
    owner = other("""
table().set("a", b"x")
try:
    table(heir="keep").get("a")
except ValueError:
    say("refused")
""")
    assert owner.hear() == "refused"
    owner.end()
    assert not any(Path(place["folder"]).iterdir())


def test_a_link_in_place_of_a_table_is_refused(place: Place) -> None:
    """Somebody else may have put it there."""
    Path(place["folder"], "zarr-backends.table").symlink_to("/tmp")  # noqa: S108  # not used
    with pytest.raises(PermissionDeniedError, match="belongs to user"):
        SharedMemoryBackend.create(**place).get("a")
