"""Starting, stopping, freezing and killing servers, and who ends them when nobody else can."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from service_samples import ask, command_of, is_alive, until

from zarr_backends_compliance.services import (
    Service,
    ServiceStartError,
    _guarding,
    _processes,
    free_port,
    list_services,
    serve,
)
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._ports import is_listening
from zarr_backends_compliance.services._processes import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def new_server(guard: Guard, *flags: str, deadline_s: float = 30.0) -> tuple[ServerProcess, int]:
    """Return a server that has not been started, and its port."""
    port = free_port()
    command = Command(command_of(port, guard.folder, *flags))
    ready = partial(is_listening, port)
    return ServerProcess(guard, "sample", command, ready, deadline_s=deadline_s), port


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Return a guard that is closed at the end."""
    made = Guard()
    yield made
    made.close()


@pytest.fixture
def service() -> Iterator[Service]:
    """Return a started service of one server."""
    with Guard() as guard:
        server, port = new_server(guard)
        server.start()
        made = Service("sample", guard, [server], port=port, url=f"tcp://u:secret@x:{port}")
    with made:
        yield made


# --- One service --------------------------------------------------------------------------


def test_restart_keeps_port_and_data(service: Service) -> None:
    """The second start finds what the first one wrote, at the same port."""
    assert ask(service.port)[0] == 1
    service.restart()
    assert ask(service.port)[0] == 2


def test_a_killed_service_starts_again(service: Service) -> None:
    """After a kill the port is closed and the data is there."""
    service.kill()
    assert not is_listening(service.port)
    service.restart()
    assert ask(service.port)[0] == 2


def test_kill_ends_children_in_sessions_of_their_own(service: Service) -> None:
    """No process of the tree is left, wherever it has gone."""
    _, child = ask(service.port)
    assert is_alive(child)
    service.kill()
    assert not is_alive(child)


def test_a_frozen_service_accepts_and_does_not_answer(service: Service) -> None:
    """Clients see a hang, and the answer once it goes on."""
    service.freeze()
    with pytest.raises(TimeoutError):
        ask(service.port, timeout_s=0.3)
    service.thaw()
    assert ask(service.port)[0] == 1


def test_a_frozen_service_can_be_stopped(service: Service) -> None:
    """Stopping does not wait for the frozen one."""
    _, child = ask(service.port)
    service.freeze()
    service.stop()
    assert not is_listening(service.port)
    assert not is_alive(child)


def test_stop_removes_everything(service: Service) -> None:
    """The folder has gone with the server, and stopping again does nothing."""
    folder = service.processes[0].log.parent
    assert folder.exists()
    service.stop()
    service.stop()
    assert not folder.exists()
    assert not is_listening(service.port)


def test_no_representation_shows_a_password(service: Service) -> None:
    """Neither the url nor an argument is shown."""
    assert "secret" not in repr(service)
    assert "service_samples" not in repr(service.processes[0])


# --- Errors -------------------------------------------------------------------------------


def test_the_error_of_a_server_that_ends_shows_its_log(guard: Guard) -> None:
    """Its last words are in the message."""
    command = Command(["/bin/sh", "-c", "echo the disk is on fire >&2; exit 7"])
    server = ServerProcess(guard, "sample", command, lambda: False)
    with pytest.raises(ServiceStartError, match=r"(?s)status 7 .*the disk is on fire"):
        server.start()


def test_the_error_of_a_server_that_is_late_shows_its_log(guard: Guard) -> None:
    """It is killed with its children, and the message has its log."""
    server, _ = new_server(guard, "deaf", deadline_s=1.0)
    with pytest.raises(ServiceStartError, match=r"(?s)not ready after 1 s.*the server is process"):
        server.start()
    assert not server.is_running
    assert not is_alive(int((guard.folder / "child").read_text()))


def test_a_server_that_does_not_exist(guard: Guard) -> None:
    """The program's name is in the error."""
    server = ServerProcess(guard, "sample", Command(["/no/such/server"]), lambda: False)
    with pytest.raises(ServiceStartError, match="/no/such/server"):
        server.start()


def test_a_stubborn_server_is_killed(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ignores the signal is killed after a time."""
    monkeypatch.setattr(_processes, "_STOP_S", 0.3)
    server, port = new_server(guard, "stubborn")
    server.start()
    server.stop()
    assert not is_listening(port)


def test_a_guard_closes_at_an_error() -> None:
    """What was started before the error ends with it."""
    guard = Guard()
    server, port = new_server(guard)
    with pytest.raises(KeyboardInterrupt), guard:
        _start_and_interrupt(server)
    assert not is_listening(port)
    assert not guard.folder.exists()


def _start_and_interrupt(server: ServerProcess) -> None:
    """Do as a user who loses patience."""
    server.start()
    raise KeyboardInterrupt


def test_run_returns_the_output(guard: Guard) -> None:
    """Both streams of a program that succeeds, and the variables that it was given."""
    said = guard.run(Command(["/bin/sh", "-c", "echo $A; echo b >&2"], env={"A": "a"}))
    assert said.split() == ["a", "b"]


@pytest.mark.parametrize(("script", "message"), [("echo no; exit 3", "no"), ("sleep 9", "0.2 s")])
def test_run_reports_a_failure(guard: Guard, script: str, message: str) -> None:
    """The error tells what was said, or that it took too long."""
    with pytest.raises(ServiceStartError, match=message):
        guard.run(Command(["/bin/sh", "-c", script]), timeout_s=0.2)


# --- When the owner is killed -------------------------------------------------------------

_OWNER = """
import os, sys, time
sys.path.insert(0, {tests!r})
from service_samples import command_of
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._ports import is_listening
from zarr_backends_compliance.services._processes import ServerProcess
guard = Guard()
print(guard.folder, flush=True)
ready = lambda: is_listening({port})
command = Command(command_of({port}, guard.folder, *{flags!r}))
server = ServerProcess(guard, "sample", command, ready)
server.start()
if {frozen}:
    server.freeze()
if {forked} and os.fork() == 0:
    print("fork", os.getpid(), flush=True)
    time.sleep(60)
print("started", server.pid, flush=True)
time.sleep(60)
"""


class Owner:
    """Another process that owns a server, and is going to be killed."""

    def __init__(self, *flags: str, frozen: bool = False, forked: bool = False) -> None:
        """Start it, and wait until its guard stands."""
        self.port = free_port()
        tests = str(Path(__file__).parent)
        values = {"port": self.port, "flags": flags, "frozen": frozen, "forked": forked}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNER.format(tests=tests, **values)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.folder = Path(self.line())

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """Kill it alone, as ``kill -9`` does."""
        self.process.kill()
        with self.process:
            self.process.wait()


@pytest.mark.parametrize("frozen", [False, True])
def test_a_server_vanishes_when_its_owner_is_killed(frozen: bool) -> None:
    """Within seconds of a SIGKILL no process and no file of it is left, frozen or not."""
    owner = Owner(frozen=frozen)
    server = int(owner.line().split()[1])
    child = int((owner.folder / "child").read_text())
    assert is_alive(server)
    assert is_alive(child)
    owner.kill()
    assert until(lambda: not owner.folder.exists())
    assert not is_alive(server)
    assert not is_alive(child)


def test_a_server_that_is_not_ready_yet_vanishes_too() -> None:
    """There is no moment at which a killed owner leaves anything."""
    owner = Owner("deaf")
    assert until((owner.folder / "child").exists)
    child = int((owner.folder / "child").read_text())
    owner.kill()
    assert until(lambda: not owner.folder.exists())
    assert not is_alive(child)


def test_a_forked_child_of_the_owner_holds_nothing_up() -> None:
    """The server vanishes although a copy of the killed owner lives on."""
    owner = Owner(forked=True)
    words = dict(owner.line().split() for _ in range(2))
    try:
        owner.process.kill()
        assert until(lambda: not owner.folder.exists())
        assert not is_alive(int(words["started"]))
    finally:
        os.kill(int(words["fork"]), signal.SIGKILL)
        owner.kill()


def test_nothing_starts_once_the_owner_has_ended() -> None:
    """A program behind the gate does not run if the pipe ends before the line."""
    gated = [*_guarding.GATE, "/bin/echo", "started"]
    assert subprocess.run(gated, input=b"", capture_output=True, check=False).stdout == b""
    assert subprocess.run(gated, input=b"go\n", capture_output=True, check=True).stdout


# --- Names and ports ----------------------------------------------------------------------


def test_free_ports_differ() -> None:
    """No port is handed out twice, and a server can listen at each."""
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])):
        assert is_listening(ports[0])


def test_an_unknown_service() -> None:
    """The error lists those that there are."""
    with pytest.raises(ValueError, match=r"'oracle'.*mongod.*webdav"):
        serve("oracle")
    assert list_services() == sorted(list_services())
