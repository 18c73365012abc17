"""How many requests one call makes, counted between the backend and its server."""

from __future__ import annotations

from collections.abc import Callable

from zarr_backends import ZarrBackendsError
from zarr_backends_compliance._kernel.endpoints import behind, endpoint_of
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance.services.tcp_proxy import TcpProxy

__all__ = ["requests_of"]

_CALLS = 10


def requests_of(target: Target, folder: str) -> dict[str, float]:
    """Return the round trips of a put and of a get on average.

    Args:
        target: What is tested.
        folder: Folder for the kit's own files.

    Returns:
        By operation; empty where the options name no server, or none that a proxy can stand
        in front of.
    """
    endpoint = endpoint_of(target)
    if endpoint is None:
        return {}
    with TcpProxy(endpoint.host, endpoint.port) as proxy:
        trial = Trial(behind(target, proxy.host, proxy.port), folder=folder)
        try:
            return _counted(trial, proxy)
        except (ZarrBackendsError, OSError, AssertionError):
            return {}
        finally:
            trial.finish()


def _counted(trial: Trial, proxy: TcpProxy) -> dict[str, float]:
    """Count what goes through a proxy."""
    backend = trial.array("requests")
    data = bytes(4_096)
    backend.write_chunk((0,), data)  # connections are made before anything is counted
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: backend.write_chunk((0,), data),
        "get": lambda: backend.read_chunk((0,)),
    }
    found = {}
    for name, call in calls.items():
        call()
        proxy.reset_counters()
        for _ in range(_CALLS):
            call()
        found[name] = proxy.counters.round_trips / _CALLS
    return found
