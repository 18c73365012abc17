"""What a check works with: backends at fresh places, other threads and processes, sizes.

Everything that a check writes is below names that its trial made, and only that is deleted
at the end. A trial can be sent to another process, which then works at the same places.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from zarr_backends import Backend, KeyValueBackend, SupportsClose, SupportsFlush, SupportsKeys
from zarr_backends_compliance._kernel.capabilities import capabilities_of
from zarr_backends_compliance._kernel.children import Child
from zarr_backends_compliance._kernel.profiles import PROFILES, Profile
from zarr_backends_compliance._kernel.samples import v2_metadata, v3_metadata
from zarr_backends_compliance._kernel.stopping import stop_threads
from zarr_backends_compliance._kernel.sweeping import sweep
from zarr_backends_compliance._kernel.target import Target, find_target
from zarr_backends_compliance._kernel.verdicts import skip, violated

__all__ = ["Log", "Trial", "trial"]


class Log:
    """Acknowledgements, kept in a file outside the store; they survive a killed process."""

    def __init__(self, path: str) -> None:
        """Take the path of the file."""
        self._path = path

    def add(self, *entry: Any) -> None:
        """Append an entry of JSON values in one step."""
        line = json.dumps(entry).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def entries(self) -> list[list[Any]]:
        """Return every entry in the order of their appearance."""
        if not Path(self._path).exists():
            return []
        return [json.loads(line) for line in Path(self._path).read_bytes().splitlines()]


class Trial:
    """The surroundings of one run of one check.

    Args:
        target: What is tested.
        profile: Sizes and counts.
        seed: Of everything random.
        folder: Folder of the kit's own files.
        surroundings: What there is around the backend, by the names of `SURROUNDINGS`.
    """

    def __init__(
        self,
        target: Target,
        *,
        profile: Profile = PROFILES["quick"],
        seed: int | str = 0,
        folder: str,
        surroundings: frozenset[str] = frozenset(),
    ) -> None:
        """Begin with nothing made."""
        self.target = target
        self.profile = profile
        self.seed = seed
        self.folder = folder
        self.surroundings = surroundings
        self.random = random.Random(str(seed))  # noqa: S311  # not for secrecy
        self.notes: dict[str, Any] = {}
        """What a check found out and the report shows, limits for example."""
        self._token = secrets.token_hex(4)
        self._names: set[str] = set()
        self._backends: list[Backend] = []
        self._threads: list[threading.Thread] = []
        self._children: list[Child] = []
        self._owner = os.getpid()

    # --- Backends -------------------------------------------------------------------

    def options(self, name: str = "a") -> dict[str, Any]:
        """Return the options of a place of this trial; a name is a relative path."""
        if name not in self._names and os.getpid() != self._owner:
            self.log("names").add(name)  # the process that cleans up has to know it too
        self._names.add(name)
        return self.target.at(f"{self._prefix}{name}")

    def create(self, name: str = "a", **more: Any) -> Any:
        """Return a new instance made by the backend's `create`, at a place of this trial."""
        return self._kept(self.target.backend.create(**{**self.options(name), **more}))

    def open(self, name: str = "a", **more: Any) -> Any:
        """Return a new instance made by the backend's `open`, at a place of this trial."""
        return self._kept(self.target.backend.open(**{**self.options(name), **more}))

    def array(
        self, name: str = "a", shape: tuple[int, ...] = (8,), zarr_format: int = 3, **more: Any
    ) -> Any:
        """Return a new instance, its metadata written: an array of bytes with chunks of one.

        Args:
            name: Name of the place.
            shape: Length of every dimension; also the number of chunks.
            zarr_format: 2 or 3.
            **more: Members of the document that are added or replaced.

        Returns:
            A new instance.
        """
        backend = self.create(name)
        document = v3_metadata if zarr_format == 3 else v2_metadata  # noqa: PLR2004  # the format
        backend.write_metadata(document(shape, **more), zarr_format)
        return backend

    def settle(self, *backends: Any) -> None:
        """Make what was written visible to others, where a backend buffers."""
        for backend in backends:
            if isinstance(backend, SupportsFlush):
                backend.flush()

    def reopened(self, backend: Any, name: str = "a") -> Any:
        """Return a second instance, opened after all that the first one wrote has settled."""
        self.settle(backend)
        return self.open(name)

    def has(self, capability: str) -> bool:
        """Whether the backend has a capability, or there is something around it."""
        return capability in self.surroundings or capability in capabilities_of(
            self.create("probe")
        )

    def need_places(self, *names: str) -> None:
        """Skip the check where names like these cannot be places of this backend."""
        for name in names:
            try:
                self.create(name)
            except ValueError as error:
                skip(f"a place named {name!r}: {error}")

    def forget(self, name: str) -> None:
        """Leave a place out of the cleaning up: its name was refused, so nothing is there."""
        self._names.discard(name)

    # --- Others that work at the same time ------------------------------------------

    def threads(self, count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Run ``work(i, *arguments)`` in threads that start together.

        Returns:
            The results, in the order of the threads.

        Raises:
            BaseException: What the first of them raised.
        """
        results: list[Any] = [None] * count
        errors: list[BaseException] = []
        barrier = threading.Barrier(count)

        def run(i: int) -> None:
            try:
                barrier.wait(60)
                results[i] = work(i, *arguments)
            except BaseException as error:
                errors.append(error)

        pool = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
        self._threads += pool
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        if errors:
            raise errors[0]
        return results

    def child(self, function: Callable[..., Any], *arguments: Any, timeout_s: float = 30.0) -> Any:
        """Run ``function(trial, *arguments)`` in another process; return its result."""
        return self.start(function, *arguments).result(timeout_s)

    def start(self, function: Callable[..., Any], *arguments: Any) -> Child:
        """Start ``function(trial, *arguments)`` in another process."""
        child = Child(function, self, *arguments)
        self._children.append(child)
        return child

    def log(self, name: str = "log") -> Log:
        """Return a file of acknowledgements outside the store."""
        return Log(str(Path(self.folder) / f"{self._token}-{name}.jsonl"))

    # --- The end --------------------------------------------------------------------

    def finish(self) -> None:
        """Delete what was written at the places of this trial, and close every instance.

        It may be called again, should there be anything new.
        """
        self._names.update(name for (name,) in self.log("names").entries())
        with ExitStack() as last:
            last.callback(sweep, self.target.options, self._prefix)
            last.callback(self.release)
            for name in () if self.target.disposable else sorted(self._names):
                last.callback(self._clear, name)

    def release(self) -> None:
        """Close every instance; delete nothing."""
        for backend in self._backends:
            if isinstance(backend, SupportsClose):
                backend.close()
        self._backends.clear()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the threads and processes that still work for this trial.

        Args:
            timeout_s: Seconds to wait for the threads.
        """
        for child in self._children:
            if child.is_running():
                child.kill()
        stop_threads(self._threads, timeout_s)

    @property
    def _prefix(self) -> str:
        """How the names of this trial's places begin."""
        return f"zbc-{self._token}-"

    def _clear(self, name: str) -> None:
        """Delete everything at one place."""
        backend = self.target.backend.create(**self.options(name))
        if isinstance(backend, KeyValueBackend):
            backend.delete_many(list(backend.list_keys("")))  # few requests, where it can
        if isinstance(backend, SupportsKeys):
            for key in list(backend.list_keys("")):
                backend.delete(key)
        else:
            for index in list(backend.list_chunks()):
                backend.delete_chunk(index)
        self.settle(backend)
        if isinstance(backend, SupportsClose):
            backend.close()

    def _kept(self, backend: Any) -> Any:
        """Remember an instance, to close it at the end."""
        if backend is None:
            violated("create or open returned None, not an instance")
        self._backends.append(backend)
        return backend

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process."""
        return {
            **vars(self),
            "_backends": [],
            "_threads": [],
            "_children": [],
            "random": random.Random(str(self.seed)),  # noqa: S311  # not for secrecy
        }


@contextmanager
def trial(backend: str, **options: Any) -> Iterator[Trial]:
    """Give a trial by itself: what the program of a failed check begins with.

    Args:
        backend: A backend id, a url, a path, or ``module:Class``.
        **options: Its options; ``{name}`` in one of them stands for the name of a place.

    Yields:
        The trial. What was written through it is deleted at the end.

    >>> with trial("memory") as t:
    ...     backend = t.array()
    ...     backend.write_chunk((0,), b"x")
    ...     bytes(backend.read_chunk((0,)))
    b'x'
    """
    folder = tempfile.mkdtemp(prefix="zarr-backends-compliance-")
    found = Trial(find_target(backend, _from_environment(options), folder), folder=folder)
    try:
        yield found
    finally:
        found.finish()
        shutil.rmtree(folder, ignore_errors=True)


def _from_environment(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which ``env:NAME`` is replaced by a variable of the environment."""
    return {
        name: os.environ[value[4:]]
        if isinstance(value, str) and value.startswith("env:")
        else value
        for name, value in options.items()
    }
