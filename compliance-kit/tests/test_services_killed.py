"""Real servers leave no process and no file behind when the tests are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from service_samples import is_alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

_TESTS = """
import sys, time
from zarr_backends_compliance.services import ServiceUnavailableError, serve
try:
    service = serve(sys.argv[1])
except ServiceUnavailableError as error:
    print("unavailable", error, flush=True)
else:
    if sys.argv[2] == "frozen":
        service.freeze()
    print(*[server.pid for server in service.processes], flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder that, other than pytest's, a server of another user can enter."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize("state", ["running", "frozen"])
@pytest.mark.parametrize(
    "service", ["mongod", "postgresql", "postgresql_pair", "redis", "redis_cluster"]
)
def test_nothing_is_left_when_the_tests_are_killed(service: str, state: str, folder: Path) -> None:
    """Within seconds every server and every folder has gone, frozen or not."""
    environment = os.environ | {"TMPDIR": str(folder)}
    command = [sys.executable, "-c", _TESTS, service, state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as tests:
        assert tests.stdout is not None
        said = tests.stdout.readline().strip()
        before = list(folder.iterdir())
        tests.kill()
    if said.startswith("unavailable"):
        pytest.skip(said)
    servers = [int(word) for word in said.split()]
    assert servers
    assert len(before) == 1
    assert until(lambda: not any(map(is_alive, servers)) and not list(folder.iterdir()))
