"""Two regions: written to both, read from the near one, on when one is down, then repaired.

python two_regions.py
"""

from __future__ import annotations

import numpy as np

import zarr_backends as zb


def main() -> list[str]:
    """Write with both regions up, with one down, and after its repair; return what happened."""
    mock = zb.get_backend("mock")
    eu = mock.create(inner="memory://region-eu/run")
    us = mock.create(inner="memory://region-us/run")
    store = zb.get_backend("replicated").create(inner={"eu": eu, "us": us}, write_quorum=1)
    told = []

    array = zb.create(store, shape=(8, 8), chunks=4, dtype="i4", overwrite=True)
    array[...] = 1
    told.append(f"both regions hold {len(list(us.list_keys()))} keys")

    eu.script(error_rate=1.0)  # the near region goes down
    array[:4] = 2
    told.append(f"with eu down, us reads {array[...].sum()}; behind: {sorted(store.behind)}")

    eu.script()  # it is back, and has missed something
    report = store.repair()
    told.append(f"repaired {len(report.differences)} differences of {report.keys} keys")

    us.script(error_rate=1.0)  # now the other one goes down
    told.append(f"eu alone reads {np.asarray(array[...]).sum()}")
    return told


if __name__ == "__main__":
    for line in main():
        print(line)  # it is what this is for
