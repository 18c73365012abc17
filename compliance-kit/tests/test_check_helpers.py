"""The helpers of the checks of the ten members: each tells right from wrong by itself."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import pytest

from zarr_backends import ChunkNotFoundError, ConfigurationError, contiguous_view
from zarr_backends_compliance import trial
from zarr_backends_compliance._kernel.target import Target, find_target
from zarr_backends_compliance._kernel.verdicts import Skip, Violation
from zarr_backends_compliance._mutants.bare import BareMemory
from zarr_backends_compliance._tools.buffers import (
    NO_BUFFERS,
    changeable_buffers,
    good_buffers,
    strided_buffers,
)
from zarr_backends_compliance._tools.documents import HARD_VALUES, same_document
from zarr_backends_compliance._tools.grid import ALIKE, LARGE, corners
from zarr_backends_compliance._tools.options import omittable, open_checked, wrong_values
from zarr_backends_compliance._tools.places import empty_place, instances, placed, second
from zarr_backends_compliance._tools.refusals import accepted, refused
from zarr_backends_compliance._tools.secrecy import (
    keeps_secrets,
    logged,
    made_up_options,
    secrets_in,
)
from zarr_backends_compliance._tools.signatures import signature_fault

BARE = "zarr_backends_compliance._mutants.bare:BareMemory"
REFERENCE = "zarr_backends_compliance._mutants.reference:Reference"


def test_good_buffers_are_those_that_the_contract_takes() -> None:
    """Every one of them is taken by contiguous_view, and has the bytes that are said."""
    for kind, buffer, data in good_buffers():
        assert bytes(contiguous_view(buffer)) == data, kind


def test_bad_buffers_are_those_that_the_contract_refuses() -> None:
    """Neither strided buffers nor what is none are taken by contiguous_view."""
    for _, thing in [*strided_buffers(), *NO_BUFFERS.items()]:
        refused(contiguous_view, thing)


def test_changeable_buffers_change() -> None:
    """What is written through the view is seen in the buffer."""
    for kind, buffer, under in changeable_buffers(b"old"):
        under[:] = b"new"
        assert bytes(buffer) == b"new", kind


@pytest.mark.parametrize("error", [ChunkNotFoundError("gone"), RuntimeError("bug"), None])
def test_a_refusal_is_an_error_about_the_argument(error: Exception | None) -> None:
    """Absence, accidents and success are no refusals."""

    def call() -> None:
        if error is not None:
            raise error

    with pytest.raises(Violation):
        refused(call)


def test_what_may_be_refused_must_not_break() -> None:
    """An error of ours is a refusal, an error of no kind is a violation."""
    assert accepted(str, 1)
    assert not accepted(int, "x")
    with pytest.raises(Violation, match="KeyError"):
        accepted({}.__getitem__, "x")


@pytest.mark.parametrize(
    "seen", [None, {}, {"a": 1.0}, {"a": True}, {"a": 1, "b": None}, {"a": [1]}, {"a": "1"}]
)
def test_documents_are_compared_with_their_types(seen: object) -> None:
    """1, 1.0, true, "1" and members too many are told apart."""
    with pytest.raises(Violation):
        same_document(seen, {"a": 1})


def test_documents_are_compared_with_their_order_where_it_counts() -> None:
    """Order counts when it is asked for, at every level."""
    seen = {"a": {"x": 1, "y": 2}, "b": -0.0}
    same_document(seen, {"b": -0.0, "a": {"y": 2, "x": 1}})
    with pytest.raises(Violation, match="order"):
        same_document(seen, {"a": {"y": 2, "x": 1}, "b": -0.0}, ordered=True)


def test_hard_values_are_told_apart() -> None:
    """A document of hard values differs from one with -0.0 as 0.0."""
    changed = {**HARD_VALUES, "floats": [abs(value) for value in HARD_VALUES["floats"]]}
    with pytest.raises(Violation, match="floats"):
        same_document(changed, HARD_VALUES)


def test_indices_are_different() -> None:
    """No index comes twice in a table, where a check would find what is not there."""
    for table in (ALIKE, LARGE, *map(corners, range(9))):
        assert len(set(table)) == len(table)
    assert {len(index) for index in corners(8)} == {8}


def test_instances_of_a_private_backend_are_one() -> None:
    """A backend whose every instance has its own place has no second one."""
    with trial(BARE) as t:
        assert len(instances(t, t.array())) == 1
        assert not empty_place(t).exists()
        with pytest.raises(Skip):
            second(t, t.array())


def test_instances_of_other_backends_are_two() -> None:
    """They share a place."""
    with trial("memory") as t:
        one, other = instances(t, t.array())
        one.write_chunk((0,), b"x")
        assert bytes(other.read_chunk((0,))) == b"x"


def test_a_refused_name_is_no_place() -> None:
    """It is None, and nothing is cleaned up there."""
    with trial("memory") as t:
        assert placed(t, "a//b") is None
        assert placed(t, "a/b") is not None


class Unlike:
    """Has members with other signatures."""

    read_chunk = None

    def write_chunk(self, index: object, data: object, mode: object) -> None:
        """Need too much."""

    async def exists(self) -> bool:
        """Have to be awaited."""
        return True


@pytest.mark.parametrize("member", ["read_chunk", "write_chunk", "exists"])
def test_signatures_are_compared_with_the_contract(member: str) -> None:
    """Those of the bare backend are right, others are told what is wrong."""
    assert signature_fault(BareMemory(), member) == ""
    assert member in signature_fault(Unlike(), member)


def test_wrong_values_are_of_options_that_a_user_types() -> None:
    """Texts and numbers are tried, other objects are left alone."""

    class Backend(BareMemory):
        @classmethod
        def create(cls, *, path: str, timeout_s: float = 1.0, client: Any = None) -> Backend:
            raise NotImplementedError

    assert {name for name, _ in wrong_values(Backend)} == {"path", "timeout_s"}


def test_options_are_left_out_where_that_leads_to_no_other_server(tmp_path: Any) -> None:
    """The place is, and what is needed."""
    assert omittable(find_target(REFERENCE, {}, tmp_path)) == ["array_id", "path"]
    with pytest.raises(ConfigurationError):
        open_checked(BareMemory, unknown=1)


class WithSecrets(BareMemory):
    """Has options that are secret."""

    backend_id: ClassVar[str] = "secret"
    given: tuple[str, ...] = ()

    @classmethod
    def create(cls, *, url: str = "", password: str = "", key_prefix: str = "") -> WithSecrets:
        """Keep them."""
        backend = cls()
        backend.given = (url, password, key_prefix)
        return backend


def test_secrets_are_found_by_name_and_in_urls() -> None:
    """Also inside mappings; a user's name and a prefix of keys are none."""
    options = {
        "url": "redis://user:hunter2@host/0",
        "storage_options": {"secret_access_key": "abcdef"},
        "key_prefix": "visible",
        "user": "visible",
    }
    assert secrets_in(options) == {"hunter2", "abcdef"}


def test_secrets_are_made_up_for_options_that_are_secret() -> None:
    """Urls get a password, and what is no secret is left alone."""
    assert made_up_options(find_target(REFERENCE, {}, "x")) == {}
    made_up = made_up_options(Target(WithSecrets, {}, "secret"))
    assert sorted(made_up) == ["password", "url"]
    assert len(secrets_in(made_up)) == 2


def test_a_secret_is_seen_in_the_cause_of_an_error() -> None:
    """The message says where, without the secret itself."""
    error = ConfigurationError("refused")
    error.__cause__ = ValueError("password hunter2 is wrong")
    with pytest.raises(Violation, match=r"\*\*\*") as caught:
        keeps_secrets(error, {"hunter2"}, "an error")
    assert "hunter2" not in str(caught.value)
    keeps_secrets(ConfigurationError("refused"), {"hunter2"}, "an error")


def test_log_lines_are_collected_at_every_level() -> None:
    """Of a package and those below it, and levels are put back."""
    logger = logging.getLogger("some_plugin.deep")
    with logged("some_plugin.module") as lines:
        logger.debug("secret %s", "x")
    assert lines == ["secret x"]
    assert logging.getLogger("some_plugin").level == logging.NOTSET
