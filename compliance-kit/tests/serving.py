"""What the tests of all services share: to start one or skip, and to look what it leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from zarr_backends_compliance.services import Service, ServiceUnavailableError, serve
from zarr_backends_compliance.services._ports import is_listening

__all__ = ["assert_kill_leaves_nothing", "served"]


def served(name: str, **settings: Any) -> Service:
    """Return a started service; skip where this machine cannot run it."""
    try:
        service: Service = serve(name, **settings)
    except ServiceUnavailableError as error:
        if os.environ.get("ZARR_BACKENDS_SERVICES_STRICT") == "1":
            raise
        pytest.skip(str(error))
    return service


def assert_kill_leaves_nothing(service: Service) -> None:
    """See that neither a process nor the port outlives `kill`, nor the folder `stop`."""
    folder = Path(service.processes[0].log).parent
    pids = [process.pid for process in service.processes]
    trees = [
        one
        for pid in pids
        for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    service.kill()
    assert not psutil.wait_procs(trees, timeout=5)[1]
    assert not is_listening(service.port)
    assert folder.is_dir()
    service.stop()
    assert not folder.exists()
