"""A running service: one server or several that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import HOST
from zarr_backends_compliance.services._processes import ServerProcess

__all__ = ["Service"]


class Service:
    """A started service; the end of a ``with`` block stops it.

    Its processes and its folder vanish when this process ends, also by SIGKILL. It is used by
    one thread at a time.

    Attributes:
        name: As in `list_services`.
        host: Address that it listens at; always the loopback.
        port: Port that clients connect to; of several servers, that of the first.
        url: Where clients connect to, with user and password where the scheme has them.
        options: What else a client needs, such as ``user``, ``password``, ``bucket``.
        processes: Its servers, in the order in which they are started.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        name: str,
        guard: Guard,
        processes: Sequence[ServerProcess],
        *,
        port: int,
        url: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Take over started servers.

        Args:
            name: As in `list_services`.
            guard: Owner of the servers and of their folder; closed by `stop`.
            processes: The servers, in the order in which they are started.
            port: Port that clients connect to.
            url: Where clients connect to.
            options: What else a client needs.
        """
        self.name = name
        self.host = HOST
        self.port = port
        self.url = url
        self.options: Mapping[str, str] = MappingProxyType(dict(options or {}))
        self.processes = tuple(processes)
        self._guard = guard

    def __repr__(self) -> str:
        """Show where it listens, and neither user nor password."""
        return f"{type(self).__name__}({self.name!r}, {self.host}:{self.port})"

    def stop(self) -> None:
        """Stop every server and remove all data; done twice it does nothing."""
        try:
            for process in reversed(self.processes):
                process.stop()
        finally:
            self._guard.close()

    def kill(self) -> None:
        """Kill every server without any goodbye; `restart` starts them again."""
        for process in self.processes:
            process.kill()

    def freeze(self) -> None:
        """Make every server hang: connections stay open and nobody answers."""
        for process in self.processes:
            process.freeze()

    def thaw(self) -> None:
        """Let frozen servers go on."""
        for process in self.processes:
            process.thaw()

    def restart(self) -> None:
        """Stop what runs and start every server again, on the same port with the same data.

        Raises:
            ServiceStartError: One does not start.
        """
        for process in reversed(self.processes):
            process.stop()
        for process in self.processes:
            process.start()

    def __enter__(self) -> Self:
        """Return the service itself; it has been started already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the service."""
        self.stop()
