"""A primary is killed; its synchronous standby takes its place."""

from __future__ import annotations

import threading

import zarr_backends as zb
from zarr_backends_compliance.services import Service, serve


def write_on(array: zb.Array, acknowledged: list[int], stop: threading.Event) -> None:
    """Write element after element, and note those that were acknowledged."""
    for n in range(array.shape[0]):
        while True:
            try:
                array[n] = n + 1
                break
            except zb.NetworkError:  # what it is while nobody takes writes
                continue
        acknowledged.append(n)
        if stop.is_set():
            return


def test_the_same_array_goes_on_after_a_failover(postgresql_pair: Service) -> None:
    """Every acknowledged chunk is there, and new ones are written; nothing is opened anew."""
    del postgresql_pair  # skips where there is none; a pair of its own is killed
    with serve("postgresql_pair") as pair:
        array = zb.create(pair.url, shape=(100_000,), chunks=(1,), dtype="int32", timeout_s=10.0)
        acknowledged, stop = list[int](), threading.Event()
        writer = threading.Thread(target=write_on, args=(array, acknowledged, stop))
        writer.start()
        while len(acknowledged) < 20:
            stop.wait(0.01)
        pair.fail_over()
        count = len(acknowledged)
        while len(acknowledged) < count + 20 and writer.is_alive():
            stop.wait(0.01)
        stop.set()
        writer.join()
        assert len(acknowledged) >= count + 20
        assert [int(array[n]) for n in acknowledged] == [n + 1 for n in acknowledged]
        array.close()
