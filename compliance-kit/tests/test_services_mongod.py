"""MongoDB: alone and as a replica set."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends_compliance.services import ServiceUnavailableError, serve
from zarr_backends_compliance.services._mongo_wire import MongoError, mongo_command

pymongo = pytest.importorskip("pymongo")

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


def test_documents_survive_restart_and_kill(mongod: Any) -> None:
    """What was acknowledged with a journal is there after either."""
    with pymongo.MongoClient(mongod.url) as client:
        client.db.get_collection("c").insert_one({"_id": 1, "value": b"\0value"})
        client.db.get_collection("c").with_options(
            write_concern=pymongo.WriteConcern(j=True)
        ).insert_one({"_id": 2})
    mongod.restart()
    mongod.kill()
    mongod.restart()
    with pymongo.MongoClient(mongod.url) as client:
        assert client.db.c.find_one(1)["value"] == b"\0value"
        assert client.db.c.find_one(2)


def test_a_password_is_needed(mongod: Any) -> None:
    """Without it, and with a wrong one, a client is refused."""
    wrong = {"username": mongod.options["user"], "password": "wrong"}
    for login in ({}, wrong):
        client = pymongo.MongoClient(mongod.host, mongod.port, **login)
        with client, pytest.raises(pymongo.errors.OperationFailure):
            client.db.c.find_one()


def test_without_users() -> None:
    """Everybody may do everything where that is asked for."""
    try:
        service = serve("mongod", auth=False)
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    with service, pymongo.MongoClient(service.url) as client:
        assert client.db.c.insert_one({}).acknowledged
        assert dict(service.options) == {}


def test_a_frozen_server_times_out(mongod: Any) -> None:
    """The client waits in vain, and goes on after the thaw."""
    with pymongo.MongoClient(mongod.url, timeoutMS=500) as client:
        mongod.freeze()
        try:
            with pytest.raises(pymongo.errors.PyMongoError):
                client.db.c.find_one()
        finally:
            mongod.thaw()
    with pymongo.MongoClient(mongod.url) as client:
        assert client.admin.command("ping")["ok"] == 1


def test_our_own_client(mongod: Any) -> None:
    """It reads every type of these answers, and a failed command is an error."""
    hello = mongo_command(mongod.port, {"hello": 1})
    assert hello["isWritablePrimary"] is True
    assert hello["maxWireVersion"] >= 17
    with pytest.raises(MongoError, match="nonsense"):
        mongo_command(mongod.port, {"nonsense": [1, "two", {"three": True}]})
    with pytest.raises(TypeError, match="bytes"):
        mongo_command(mongod.port, {"ping": b""})


def test_a_replica_set_loses_its_primary(mongod_replica_set: Any) -> None:
    """What a majority has acknowledged outlives the primary, and another one is elected."""
    with pymongo.MongoClient(mongod_replica_set.url, w="majority") as client:
        client.db.c.insert_one({"_id": 1})
        killed = mongod_replica_set.kill_primary()
        assert not killed.is_running
        client.db.c.insert_one({"_id": 2})
        assert client.db.c.count_documents({}) == 2
        assert mongod_replica_set.primary() not in {None, killed}
    mongod_replica_set.restart()


def test_a_replica_set_has_transactions(mongod_replica_set: Any) -> None:
    """A transaction that is rolled back leaves nothing."""
    with pymongo.MongoClient(mongod_replica_set.url) as client:
        client.db.create_collection("rolled_back")
        with client.start_session() as session:
            session.start_transaction()
            client.db.rolled_back.insert_one({}, session=session)
            session.abort_transaction()
        assert client.db.rolled_back.count_documents({}) == 0
