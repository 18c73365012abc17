"""Credentials that are wrong, and credentials that must not be seen."""

from __future__ import annotations

from zarr_backends import PermissionDeniedError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.credentials import with_wrong_secret
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._line.callers import Callers
from zarr_backends_compliance._line.faulty_line import line_to_server
from zarr_backends_compliance._line.outcomes import each_failed, no_secret_in

__all__: list[str] = []


@check(
    "ZB-FAULT-15",
    "Wrong credentials are a PermissionDeniedError, which is not transient: never a missing "
    "array, chunk or key.",
    hint="Tell the client's errors about authentication from those about the network, and do not "
    "take a refusal for an absent key.",
    needs=("places", "secret"),
    timeout_s=180,
)
def wrong_credentials_are_denied(t: Trial) -> None:
    """A secret that looks like the right one."""
    strangers = Callers(t, with_wrong_secret(t.target))
    calls = strangers.newcomers()
    strangers.make(calls)
    if all(call.error is None for call in calls):
        skip("a server that looks at credentials")
    each_failed(strangers, calls, PermissionDeniedError, transient=False)
    no_secret_in(strangers, calls)
    strangers.end()


@check(
    "ZB-FAULT-16",
    "No error shows a credential, and neither does what caused it.",
    hint="Messages of client libraries quote urls and headers: redact what you take over.",
    needs=("network", "places", "secret"),
    timeout_s=180,
)
def errors_show_no_credential(t: Trial) -> None:
    """Of every operation, on a line that refuses, resets and stalls."""
    with line_to_server(t) as line:
        for fault in (line.proxy.refuse, line.proxy.reset, line.proxy.stall):
            calls = [*line.calls(), *line.newcomers("open", "create(...).exists")]
            fault()
            line.make(calls)
            no_secret_in(line, calls)
            line.mend()
