"""A server that speaks HTTP answers with a status that says that something is wrong."""

from __future__ import annotations

from zarr_backends import (
    ArrayExistsError,
    BackendError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import is_true
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._line.faulty_line import line_to_server
from zarr_backends_compliance._line.outcomes import (
    each_failed,
    each_left_old_or_new,
    each_works_again,
)

__all__: list[str] = []

_NEEDS = ("http", "network", "places")

_REFUSALS = (ArrayExistsError, PermissionDeniedError, StorageFullError)
"""What a server that merely does not feel well has not said."""


@check(
    "ZB-FAULT-20",
    "A server that fails (status 500) is an error of ours: never a missing array, chunk or key.",
    hint="Only 404 means that something is absent; any other status has to raise.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_server_error_is_an_error(t: Trial) -> None:
    """Every operation, with both statuses by which servers say that they are broken."""
    with line_to_server(t) as line:
        for status in (500, 501):
            calls = line.calls()
            with line.answering(status):
                line.make(calls, again_on=NetworkError)
                each_failed(line, calls, BackendError, never=_REFUSALS)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-21",
    "A server that is busy or away for a while (429, 502, 503, 504) is a transient error.",
    hint="Pass transient=True, or raise NetworkError: only transient errors are ever retried.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_busy_server_is_a_transient_error(t: Trial) -> None:
    """Every operation and every such status."""
    with line_to_server(t) as line:
        for status in (503, 429, 502, 504):
            calls = line.calls()
            with line.answering(status):
                line.make(calls, again_on=NetworkError)
                each_failed(line, calls, BackendError, never=_REFUSALS, transient=True)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-22",
    "A refusal (401, 403) is a PermissionDeniedError, which is not transient: never a missing "
    "array, chunk or key.",
    hint="Look at the status, not at the class of the client's error alone; listings and deletes "
    "often take another road than reads.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_refusal_is_a_permission_error(t: Trial) -> None:
    """Every operation, on an instance that has worked before."""
    with line_to_server(t) as line:
        for status in (403, 401):
            calls = line.calls()
            with line.answering(status):
                line.make(calls, again_on=NetworkError)
                each_failed(line, calls, PermissionDeniedError, transient=False)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-23",
    "A server that is full (507), or finds a value too large (413), is an error of ours: the write "
    "has not been done.",
    hint="Raise StorageFullError; in any case raise.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_full_server_is_an_error(t: Trial) -> None:
    """Every operation that writes."""
    with line_to_server(t) as line:
        for status in (507, 413):
            calls = line.calls("write_", "update_", "set")
            with line.answering(status):
                line.make(calls, again_on=NetworkError)
                each_failed(line, calls, BackendError, never=(PermissionDeniedError,))
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-24",
    "A page of another server, with status 200, is no metadata and no listing: an error of ours.",
    hint="Catch what your parser raises (ValueError, KeyError) with the errors of the client.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_page_of_another_server_is_an_error(t: Trial) -> None:
    """A proxy or a login page answers everything, in the best of moods."""
    page = b"<!doctype html><html><body>Welcome, please log in</body></html>"
    with line_to_server(t) as line:
        calls = line.calls("read_metadata", "exists", "list")
        newcomers = line.newcomers("open", "create(...).exists")
        with line.answering(200, page):
            line.make([*calls, *newcomers], again_on=NetworkError)
            each_failed(line, [*calls, *newcomers], ZarrBackendsError)
        each_works_again(line, calls)


@check(
    "ZB-FAULT-25",
    "A listing whose next page is refused raises: it never ends early as if that were all.",
    hint="Check the status of every page, not of the first alone.",
    needs=_NEEDS,
    timeout_s=300,
)
def a_listing_whose_next_page_fails_raises(t: Trial) -> None:
    """After the first chunk every request has the same answer, on the same connection."""
    count = t.profile.listed[-1]
    with line_to_server(t) as line:
        backend = t.array("listed", shape=(count,))
        t.threads(8, lambda i: [backend.write_chunk((j,), b"x") for j in range(i, count, 8)])
        t.settle(backend)
        for status in (503, 403, 404, 200):
            listed = line.listed_until(status, "listed")
            seen = f"{len(listed)} of {count} were listed, then {status} was answered"
            is_true(not listed or len(set(listed)) == count, seen)


@check(
    "ZB-FAULT-26",
    "A status that nobody expects is an error of ours: never a missing thing, never a success.",
    hint="Name the statuses that you know; everything else raises.",
    needs=_NEEDS,
    timeout_s=180,
)
def an_unexpected_status_is_an_error(t: Trial) -> None:
    """A redirection to nowhere, a bad request, and a joke."""
    with line_to_server(t) as line:
        for status in (302, 400, 418):
            calls = line.calls()
            with line.answering(status):
                line.make(calls, again_on=NetworkError)
                each_failed(line, calls, ZarrBackendsError)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)
