"""What goes wrong with a service; none of it is ever the fault of a backend."""

from __future__ import annotations

__all__ = ["ServiceError", "ServiceStartError", "ServiceUnavailableError"]


class ServiceError(RuntimeError):
    """Root of the errors of services."""


class ServiceStartError(ServiceError):
    """A server or a command that prepares one failed; the message ends with its last output."""


class ServiceUnavailableError(ServiceError):
    """This machine cannot run a service; the tests that need it are to be skipped."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        """Keep what is missing.

        Args:
            name: Of the service.
            reason: Why it cannot be had, in one line.
            remedy: What the user can do about it.
        """
        super().__init__(name, reason, remedy)
        self.name = name
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line with all three."""
        return f"service {self.name!r} is not available here: {self.reason}; {self.remedy}"
