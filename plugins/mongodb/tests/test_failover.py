"""The primary is killed while processes write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zarr_backends_compliance.services import Service

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "failover.py"


@pytest.mark.timeout(400)
def test_no_acknowledged_chunk_is_lost_with_the_primary(mongod_replica_set: Service) -> None:
    """Four processes go on with the arrays that they have, and all that they wrote is there."""
    del mongod_replica_set  # where it runs, so does that of the script
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lost 0" in done.stdout
