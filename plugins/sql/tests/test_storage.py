"""What only a database can do."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

import psycopg
import pytest

import zarr_backends as zb
from zarr_backends import BackendTimeoutError, ConfigurationError, ConflictError
from zarr_backends_compliance.services import Service
from zarr_backends_sql import SqlBackend


def test_a_transaction_keeps_slices_and_metadata_together(place: dict[str, str]) -> None:
    """Nothing of it is left after an error, all of it after a commit."""
    array = zb.create(storage="sql", shape=(4, 4), chunks=(2, 2), dtype="int32", **place)
    other = zb.open(storage="sql", **place)
    with suppress(ZeroDivisionError), array.backend.transaction():
        array[:2] = 1
        array.attrs["unit"] = "m"
        assert other[...].sum() == 0
        raise ZeroDivisionError
    assert array[...].sum() == 0
    assert "unit" not in zb.open(storage="sql", **place).attrs
    with array.backend.transaction():
        array[:2] = 1
        array[2:] = 2
    assert other[...].sum() == 24


def test_reads_in_a_transaction_are_of_one_moment(place: dict[str, str]) -> None:
    """What others commit meanwhile is not seen in it."""
    one, other = (SqlBackend.create(**place) for _ in range(2))
    one.set("k", b"old")
    with one.transaction(read_only=True):
        assert one.get("k") == b"old"
        other.set("k", b"new")
        assert one.get_many(["k"]) == [b"old"]
    assert one.get("k") == b"new"


def test_of_two_transactions_that_cannot_both_be_one_is_refused(postgresql: Service) -> None:
    """Each read what the other one writes: a write skew."""
    one, other = (SqlBackend.create(url=postgresql.url, array_id="skew") for _ in range(2))
    one.set_many({"x": b"1", "y": b"1"})
    with ExitStack() as stack:
        stack.enter_context(one.transaction())
        one.get("y")
        with other.transaction():
            other.get("x")
            other.set("y", b"2")
        with pytest.raises(ConflictError):
            one.set("x", b"2")
        with pytest.raises(ConflictError):
            stack.close()
    assert one.get_many(["x", "y"]) == [b"1", b"2"]


def test_keys_are_found_by_the_index(postgresql: Service) -> None:
    """Reading a chunk and listing an array are scans of the primary key."""
    backend = SqlBackend.create(url=postgresql.url, table="indexed")
    backend.set_many({f"c/{i}": b"x" for i in range(2000)})
    with psycopg.connect(postgresql.url) as connection:
        connection.execute("ANALYZE indexed")
        for where in ("key = 'c/7'", "key > 'c/7' AND key < 'c/8' ORDER BY key LIMIT 1000"):
            query = "EXPLAIN SELECT key FROM indexed WHERE array_id = 'array' AND "
            plan = str(connection.execute(query + where).fetchall())
            assert "indexed_pkey" in plan, plan


def test_listings_of_many_pages_have_every_key_once(place: dict[str, str]) -> None:
    """Also where names below a folder fill pages."""
    backend = SqlBackend.create(**place)
    keys = {f"c/{i}" for i in range(2500)} | {"a", "a/b", "c0", "c-x", "zarr.json", "\U0010ffff/z"}
    backend.set_many(dict.fromkeys(keys, b""))
    assert sorted(backend.list_keys()) == sorted(keys)
    assert sorted(backend.list_dir()) == sorted({"a", "c", "c0", "c-x", "zarr.json", "\U0010ffff"})
    assert len(list(backend.list_dir("c/"))) == 2500
    backend.delete_prefix("c/")
    assert len(list(backend.list_keys())) == 6


def test_many_processes_worth_of_threads_create_the_table_at_once(url: str) -> None:
    """Nobody fails, and all rows are there."""
    backends = [
        SqlBackend.create(url=url, table="raced", array_id="r", timeout_s=20 + i / 8)
        for i in range(8)
    ]
    threads = [
        threading.Thread(target=b.set, args=(f"k/{i}", b"v")) for i, b in enumerate(backends)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(backends[0].list_keys())) == 8


def test_a_table_in_memory_is_unlogged_and_stays_so(postgresql: Service) -> None:
    """Another durability is refused, not ignored."""
    place = {"url": postgresql.url, "table": "in_memory"}
    SqlBackend.create(**place, durability="memory").set("k", b"v")
    with psycopg.connect(postgresql.url) as connection:
        kind = connection.execute("SELECT relpersistence FROM pg_class WHERE relname = 'in_memory'")
        assert kind.fetchone() == ("u",)
    with pytest.raises(ConfigurationError, match="durability"):
        SqlBackend.create(**place).get("k")


def test_a_lock_that_is_not_released_ends_in_a_timeout(place: dict[str, str]) -> None:
    """A writer waits no longer than it was told to."""
    holder, waiter = SqlBackend.create(**place), SqlBackend.create(**place, timeout_s=0.5)
    holder.set("k", b"old")
    with holder.transaction():
        holder.set("k", b"new")
        with pytest.raises(BackendTimeoutError):
            waiter.set("k", b"other")
    assert waiter.get("k") == b"new"


def test_a_transaction_that_failed_is_not_committed(postgresql: Service) -> None:
    """Not even where its error was caught."""
    backend = SqlBackend.create(url=postgresql.url, array_id="failed", timeout_s=0.5)
    holder = SqlBackend.create(url=postgresql.url, array_id="failed")
    holder.set("locked", b"old")
    with holder.transaction():
        holder.set("locked", b"new")
        with ExitStack() as stack:
            stack.enter_context(backend.transaction())
            backend.set("mine", b"v")
            with suppress(BackendTimeoutError):
                backend.set("locked", b"other")
            with pytest.raises(BackendTimeoutError, match="rolled back"):
                stack.close()
    assert backend.get("mine") is None


def test_chunks_may_come_from_a_standby(postgresql_pair: Service) -> None:
    """Metadata and listings come from the primary; chunks from where `read_url` leads."""
    standby = postgresql_pair.url.replace("read-write", "prefer-standby")
    array = zb.create(postgresql_pair.url, shape=(4,), chunks=(2,), dtype="int8", read_url=standby)
    array[:] = 7
    with psycopg.connect(postgresql_pair.url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = remote_apply")
        connection.execute("CREATE TABLE passes_the_standby ()")
    assert array[:].tolist() == [7] * 4
