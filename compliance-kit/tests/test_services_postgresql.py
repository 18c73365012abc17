"""PostgreSQL: alone and as a synchronous pair."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from service_samples import until

from zarr_backends_compliance.services import ServiceUnavailableError, serve

psycopg = pytest.importorskip("psycopg")

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


def run(service: Any, *queries: str) -> list[Any]:
    """Run queries in one transaction, and return the rows of the last."""
    with psycopg.connect(service.url) as connection:
        for query in queries:
            cursor = connection.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def test_rows_survive_restart_and_kill(postgresql: Any) -> None:
    """What was committed is there after either."""
    run(postgresql, "create table survivors (i int)", "insert into survivors values (1)")
    postgresql.restart()
    postgresql.kill()
    postgresql.restart()
    assert run(postgresql, "select i from survivors") == [(1,)]


def test_a_password_is_needed(postgresql: Any) -> None:
    """A wrong one is refused."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgresql.url.replace(postgresql.options["password"], "wrong"))


def test_it_does_not_run_as_root(postgresql: Any) -> None:
    """Its processes belong to somebody else where root starts it."""
    owner = Path(f"/proc/{postgresql.processes[0].pid}").stat().st_uid
    assert owner != 0
    assert os.geteuid() in {0, owner}


def test_a_frozen_server_times_out(postgresql: Any) -> None:
    """A new connection waits in vain; after the thaw it is made."""
    postgresql.freeze()
    try:
        with pytest.raises(psycopg.OperationalError):
            run(postgresql, "select 1")
    finally:
        postgresql.thaw()
    assert run(postgresql, "select 1") == [(1,)]


@pytest.mark.parametrize("version", [None, 18])
def test_each_version(version: int | None) -> None:
    """Debian's and that of the wheel answer, and the wheel's is the one that is asked for."""
    try:
        service = serve("postgresql", version=version)
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    with service:
        ((answer,),) = run(service, "show server_version")
    assert version is None or answer.startswith(f"{version}.")


def test_a_version_that_there_is_not() -> None:
    """The error says which there are."""
    with pytest.raises(ServiceUnavailableError, match=r"version 7 .*18.*install postgresql-7"):
        serve("postgresql", version=7)


def test_no_shared_memory_is_left() -> None:
    """A killed server's segment, outside its folder, goes with it."""
    try:
        service = serve("postgresql")
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    (noted,) = service.processes[0].log.parent.glob("*/postmaster.pid")
    segment = noted.read_text().splitlines()[6].split()[1]
    service.kill()
    service.stop()
    assert until(lambda: segment not in _segments())


def _segments() -> list[str]:
    """Return the ids of the machine's segments of shared memory."""
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]


def test_a_pair_fails_over() -> None:
    """What was committed on the primary is on the standby, which then takes writes."""
    try:
        service = serve("postgresql_pair")
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    with service:
        run(service, "create table t (i int)", "insert into t values (1)")
        service.fail_over()
        run(service, "insert into t values (2)")
        service.restart()
        assert run(service, "select i from t order by i") == [(1,), (2,)]
        with pytest.raises(RuntimeError, match="promoted already"):
            service.fail_over()


def test_a_pair_restarts(postgresql_pair: Any) -> None:
    """Both come back in their roles, and commits do not wait for ever."""
    postgresql_pair.kill()
    postgresql_pair.restart()
    run(postgresql_pair, "create table restarted (i int)")
    assert postgresql_pair.is_synchronous()
