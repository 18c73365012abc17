"""How long ``import zarr_backends`` takes, compared with ``import numpy``.

Both are measured inside fresh processes, in turns, so that a change of the machine's load
meets both alike, and both with byte code that was compiled before, as an installed package
has it. Prints the medians in milliseconds and their ratio; the aim is a ratio below 1.5.
The import of numpy is part of both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory

CODE = "from time import perf_counter as t; s = t(); import {module}; print(1e3 * (t() - s))"
"""Prints the milliseconds that one import took."""


def import_ms(module: str, byte_code: str) -> float:
    """Return the milliseconds that an import takes in a fresh process.

    Args:
        module: What to import.
        byte_code: Folder for compiled byte code, filled by the first call.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": byte_code}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    answer = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    return float(answer.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="processes for each module")
    runs = parser.parse_args().runs
    with TemporaryDirectory() as folder:
        import_ms("zarr_backends", folder)
        pairs = [[import_ms(m, folder) for m in ("numpy", "zarr_backends")] for _ in range(runs)]
    numpy_ms, ours_ms = (median(times) for times in zip(*pairs, strict=True))
    print(f"import numpy          {numpy_ms:6.1f} ms")
    print(f"import zarr_backends  {ours_ms:6.1f} ms")
    print(f"ratio                 {ours_ms / numpy_ms:6.2f}")


if __name__ == "__main__":
    main()
