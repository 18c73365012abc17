"""Writers that are killed at any moment leave the archive of one flush or of the next.

Run as a script this file is the one that forks writers and kills them: a process of its
own, because forking is only safe where no other thread runs.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
import traceback
import zipfile
from pathlib import Path

import pytest

from zarr_backends._storage.zip.backend import ZipBackend

KILLS = 200
KEYS = 8


def value(writer: int, generation: int, key: int) -> bytes:
    """Return what a writer puts under a key in a generation: some bytes or many."""
    head = f"{writer}/{generation}/{key}:".encode()
    return head * random.Random(head).choice([1, 10, 1000, 20_000])  # noqa: S311  # no secret


def state(writer: int, generation: int) -> dict[str, bytes]:
    """Return what an archive holds of a writer after a flush of this generation.

    Every generation replaces or deletes every key whose number does not divide it.
    """
    held = {"generation": b"%d" % generation}
    for key in range(2, KEYS):
        last = max(g for g in range(generation + 1) if g % key or not g)
        if last and (last + key) % 3:
            held[str(key)] = value(writer, last, key)
    return held if generation else {}


def write_forever(path: Path, writer: int, acknowledge: int) -> None:
    """Write one generation after the other; tell the number of each that was flushed."""
    backend = ZipBackend.create(path=path, prefix=str(writer))
    generation = int(bytes(backend.get("generation") or b"0"))
    while True:
        generation += 1
        old, new = state(writer, generation - 1), state(writer, generation)
        for key in old.keys() - new.keys():
            backend.delete(key)
        for key in new:
            if new[key] != old.get(key):
                backend.set(key, new[key])
        if generation % 3:
            backend.flush()
        else:
            backend.close()
        os.write(acknowledge, struct.pack("<I", generation))


def start_writer(path: Path, writer: int) -> tuple[int, int]:
    """Fork a writer; return its process id and the pipe of its acknowledgements."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write_forever(path, writer, writing)
        except BaseException:  # noqa: BLE001  # shown, and seen by the parent as another end
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    return child, reading


def acknowledged(pipe: int) -> int:
    """Return the last generation that a dead writer said was flushed, 0 for none."""
    said = b"".join(iter(lambda: os.read(pipe, 2**16), b""))
    os.close(pipe)
    return struct.unpack("<I", said[-4:])[0] if said else 0


def check(path: Path, writer: int, least: int) -> int:
    """Check what an archive holds of a writer and return the generation."""
    held: dict[str, bytes] = {}
    if path.exists():
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names = [name for name in archive.namelist() if name.startswith(f"{writer}/")]
            held = {name.partition("/")[2]: archive.read(name) for name in names}
    generation = int(held.get("generation", b"0"))
    assert generation in (least, least + 1), (generation, least)
    assert held == state(writer, generation)
    return generation


def kill_writers(folder: Path) -> None:
    """Kill one or two writers at a time, at random moments, and look at what they leave."""
    path = folder / "a.zip"
    reached = [0, 0]
    for kill in range(KILLS):
        if kill % 20 == 0:
            path.unlink(missing_ok=True)
            reached = [0, 0]
        started = [start_writer(path, writer) for writer in range(1 + kill % 2)]
        time.sleep(random.random() * 0.06)  # noqa: S311  # no secret
        for child, _ in started:
            os.kill(child, signal.SIGKILL)
        assert {os.waitpid(child, 0)[1] for child, _ in started} == {signal.SIGKILL}
        for writer, (_, pipe) in enumerate(started):
            least = max(reached[writer], acknowledged(pipe))
            reached[writer] = check(path, writer, least)
    with ZipBackend.create(path=path) as backend:
        backend.set("last", b"")
    print(os.listdir(folder), sum(reached) > 0)  # noqa: PTH208, T201  # the answer


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_hundred_killed_writers(tmp_path: Path) -> None:
    """Everything flushed is there, every member whole, and no side file stays."""
    command = [sys.executable, __file__, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (run.stderr, run.stdout) == ("", "['a.zip'] True\n")


if __name__ == "__main__":
    kill_writers(Path(sys.argv[1]))
