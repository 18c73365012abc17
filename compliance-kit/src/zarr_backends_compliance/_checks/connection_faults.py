"""The connection to a server fails: refused, reset, truncated, stalled, dripping, slow."""

from __future__ import annotations

from zarr_backends import BackendError, BackendTimeoutError, NetworkError
from zarr_backends._storage.registry.options import parameters_of
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import is_true
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._line.broken_servers import GarbageServer, HalfServer
from zarr_backends_compliance._line.faulty_line import line_to_server
from zarr_backends_compliance._line.outcomes import (
    LOST,
    each_failed,
    each_is_right,
    each_left_old_or_new,
    each_works_again,
)
from zarr_backends_compliance._tools.filling import fill

__all__: list[str] = []

_NEEDS = ("network", "places")

_POINTS = (0, 60, 100_000)
"""Bytes of reply that pass before a fault: none, not even its head, and a part of a large one."""


@check(
    "ZB-FAULT-01",
    "Every backend that talks to a server takes timeout_s.",
    hint="Give create and open the keyword-only option timeout_s: float, in seconds.",
    needs=_NEEDS,
)
def there_is_an_option_timeout_s(t: Trial) -> None:
    """In the signatures of both."""
    for method in ("create", "open"):
        options = parameters_of(t.target.backend, method)
        is_true("timeout_s" in options, f"{method} takes {', '.join(options)}, and no timeout_s")


@check(
    "ZB-FAULT-02",
    "A refused connection is a NetworkError, transient, with its cause chained: never a "
    "missing array, chunk or key, never a success.",
    hint="Translate the client's connection errors at one boundary, with raise ... from error; "
    "return None or raise a NotFoundError only when the server has answered so.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_refused_connection_is_an_error(t: Trial) -> None:
    """Every operation, each on an instance that has worked before; and once more."""
    with line_to_server(t) as line:
        calls = line.calls()
        line.proxy.refuse()
        lost = calls
        for _ in ("the connection is lost", "a new one is refused"):
            line.make(lost)
            each_failed(line, lost, *LOST, transient=True, chained=True)
            # What was done, through a server that the proxy does not guard, is not done twice.
            lost = [call for call in lost if call.error is not None]
        each_left_old_or_new(line, calls)
        each_works_again(line, calls)


@check(
    "ZB-FAULT-03",
    "A connection that is reset is a NetworkError, wherever the reply breaks off, and leaves "
    "the old value or the new one.",
    hint="Catch ConnectionResetError, and what the client makes of it, also around the reading "
    "of the body.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_reset_connection_is_an_error(t: Trial) -> None:
    """Before the reply, inside its head and inside its body."""
    with line_to_server(t) as line:
        for nbytes in _POINTS:
            calls = line.calls()
            line.proxy.reset(after_nbytes=nbytes)
            line.make(calls)
            each_failed(line, calls, *LOST, transient=True)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-04",
    "A reply that ends too early is an error: bytes are returned whole or not at all.",
    hint="Compare the number of bytes with what the server announced (Content-Length).",
    needs=_NEEDS,
    timeout_s=240,
)
def a_truncated_reply_is_an_error(t: Trial) -> None:
    """The server's side is closed in good order, as if all had been sent."""
    with line_to_server(t) as line:
        for nbytes in _POINTS:
            calls = line.calls()
            line.proxy.truncate(after_nbytes=nbytes)
            line.make(calls)
            each_failed(line, calls, *LOST, transient=True)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-05",
    "A server that does not answer is a BackendTimeoutError after timeout_s: never a hang.",
    hint="Many clients wait for ever, or time-out times retries: put a deadline of your own round "
    "every call, and bound the client's retries.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_stalled_server_is_a_timeout(t: Trial) -> None:
    """Requests are taken and not one byte comes back."""
    with line_to_server(t) as line:
        calls = line.calls()
        line.proxy.stall()
        line.make(calls)
        each_failed(line, calls, BackendTimeoutError, transient=True)
        each_left_old_or_new(line, calls)
        each_works_again(line, calls)


@check(
    "ZB-FAULT-06",
    "A reply that stops in its middle is a BackendTimeoutError after timeout_s: never a hang.",
    hint="The time-out has to hold for the body as well, not for connecting and the head alone.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_reply_that_stops_is_a_timeout(t: Trial) -> None:
    """Inside of the head and of the body; the connection stays open."""
    with line_to_server(t) as line:
        for nbytes in _POINTS[1:]:
            calls = line.calls()
            line.proxy.stall(after_nbytes=nbytes)
            line.make(calls)
            each_failed(line, calls, BackendTimeoutError, transient=True)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-07",
    "A call ends within timeout_s also where the server sends a few bytes again and again.",
    hint="A socket's time-out begins anew with every byte: take a deadline for the whole call.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_dripping_server_is_a_timeout(t: Trial) -> None:
    """At this pace the large chunk would take two minutes."""
    with line_to_server(t) as line:
        calls = line.calls("read_chunk((0,))", "read_chunk_range", "open_chunk", "list")
        with line.dripping():
            line.make(calls)
            each_failed(line, calls, BackendTimeoutError, transient=True)
        each_works_again(line, calls)


@check(
    "ZB-FAULT-08",
    "A write that is cut off leaves the old value or the new one, whole.",
    hint="Write to a temporary place and rename, or send one request that the server takes whole.",
    needs=_NEEDS,
    timeout_s=240,
)
def a_write_that_is_cut_off_leaves_old_or_new(t: Trial) -> None:
    """The connection breaks while the value is on its way."""
    with line_to_server(t) as line:
        for nbytes in (1_000, 100_000, 200_000):
            calls = line.calls("write_", "update_", "set")
            half = HalfServer(line.endpoint.host, line.endpoint.port, nbytes)
            with half, line.forwarding_to(half):
                line.make(calls, again_on=NetworkError)
            each_failed(line, calls, *LOST, transient=True)
            each_left_old_or_new(line, calls)
            each_works_again(line, calls)


@check(
    "ZB-FAULT-09",
    "An instance outlives a restart of its server: it connects again by itself.",
    hint="Drop a connection after an error and make a new one for the next call; clients of SFTP, "
    "FTP and SMB never do that for you.",
    needs=_NEEDS,
    timeout_s=180,
)
def an_instance_outlives_a_restart(t: Trial) -> None:
    """Connections end while nothing is under way; the server is away for a moment."""
    with line_to_server(t) as line:
        calls = line.calls()
        for _ in range(3):
            line.proxy.refuse()
            line.proxy.restore()
            each_works_again(line, calls)
        line.make_in_turn(calls)
        each_is_right(line, calls)
        each_left_old_or_new(line, calls)


@check(
    "ZB-FAULT-10",
    "A slow server is no error: everything works where replies come late and in pieces.",
    hint="One recv is not one message: read until all that was announced is there.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_slow_server_works(t: Trial) -> None:
    """Twenty milliseconds a round trip, and two megabytes a second."""
    with line_to_server(t) as line:
        calls = line.calls()
        line.proxy.slow(delay_s=0.02, nbytes_per_s=2e6)
        line.make_in_turn(calls)
        each_is_right(line, calls)
        line.proxy.restore()
        each_left_old_or_new(line, calls)


@check(
    "ZB-FAULT-11",
    "A reply that is no reply is an error of ours, never a missing thing and never a hang.",
    hint="What a client raises when it cannot parse a reply is often a plain ValueError: "
    "translate it with the rest.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_reply_of_garbage_is_an_error(t: Trial) -> None:
    """Another server answers on the port, in no language at all."""
    with line_to_server(t) as line, GarbageServer() as garbage:
        calls = line.calls()
        with line.forwarding_to(garbage):
            line.make(calls, again_on=NetworkError)
            each_failed(line, calls, BackendError)
        each_left_old_or_new(line, calls)
        each_works_again(line, calls)


@check(
    "ZB-FAULT-12",
    "A listing that breaks off raises: it never ends early as if that were all.",
    hint="An error while a further page is fetched has to come out of the iterator.",
    needs=_NEEDS,
    timeout_s=300,
)
def a_listing_that_breaks_off_raises(t: Trial) -> None:
    """The server goes away when the first chunk has been listed."""
    count = t.profile.listed[-1]
    with line_to_server(t) as line:
        backend = t.array("listed", shape=(count,))
        fill(t, backend, range(count))
        t.settle(backend)
        listing = line.open("listed").list_chunks()
        listed = [next(listing)]
        line.proxy.refuse()
        try:
            listed.extend(listing)
        except LOST:
            return
        is_true(len(set(listed)) == count, f"{len(listed)} of {count} chunks were listed")


@check(
    "ZB-FAULT-13",
    "An update is done once or not at all, also where the reply to it is lost.",
    hint="After a lost reply the update may have been done: raise a transient error, or find out "
    "before trying again.",
    needs=(*_NEEDS, "updates"),
    timeout_s=180,
)
def an_update_is_not_done_twice(t: Trial) -> None:
    """The connection breaks between reading and the answer to writing."""
    for after_nbytes in (0, 10, 60):
        with line_to_server(t) as line:
            backend = line.array(f"u{after_nbytes}")
            backend.write_chunk((0,), b"-")
            failed = line.broken_update(backend, (0,), after_nbytes)
            stored = bytes(t.open(f"u{after_nbytes}").read_chunk((0,)))
            is_true(stored in (b"-", b"-+"), f"one update has been done twice: {stored!r}")
            is_true(failed or stored == b"-+", "update_chunk returned, and nothing was changed")


@check(
    "ZB-FAULT-14",
    "create and open on a server that is away raise a NetworkError, never ArrayNotFoundError, "
    "and only exists() of a server that has answered may be False.",
    hint="Ask the server whether the array exists, and let the error of asking pass.",
    needs=_NEEDS,
    timeout_s=180,
)
def a_server_that_is_away_has_no_missing_arrays(t: Trial) -> None:
    """Instances made while nobody answers; they may notice at their first call."""
    with line_to_server(t) as line:
        for fault in (line.proxy.refuse, line.proxy.reset, line.proxy.truncate):
            calls = line.newcomers()
            fault()
            line.make(calls)
            each_failed(line, calls, *LOST, transient=True)
            line.mend()
        line.make_in_turn(calls)
        each_is_right(line, calls)
