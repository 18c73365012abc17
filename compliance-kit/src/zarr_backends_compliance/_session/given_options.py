"""Options as a user gives them: texts, of which some stand for secrets.

``name=value`` gives a value, ``name=env:VARIABLE`` takes it from the environment. Wherever
something is written, an option appears as it was given; the value of a variable, and that of
an option whose name speaks of a secret, never does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from zarr_backends import ConfigurationError
from zarr_backends._storage.redaction import redact
from zarr_backends._storage.registry.options import check_options, parameters_of, type_text
from zarr_backends_compliance._kernel.target import Target, find_target

__all__ = ["GivenOptions", "find_given_target", "from_environment", "is_secret_name"]

_FROM_ENVIRONMENT = "env:"

_HIDDEN = "***"

_TEXTS = re.compile(r"\b(str|PathLike|Path|bytes|Literal)\b")
"""Annotations of options that are taken as they are written."""

_MAPPINGS = re.compile(r"\b(Mapping|dict)\b")
"""Annotations of options that hold further names and values."""

_MODULE_AND_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

_SHORTEST_SECRET = 4
"""Characters that a secret has at least; shorter ones would be found in every word."""


class GivenOptions:
    """The options of one run.

    Args:
        options: Values by name. Texts may be ``env:VARIABLE``; other values, which come from
            tests, are passed on as they are.
        target: What the user called the backend, since urls have passwords in them.
        with_values: Whether values that are no secrets are shown.
    """

    def __init__(
        self, options: Mapping[str, Any], target: str = "", *, with_values: bool = True
    ) -> None:
        """Look the variables up.

        Raises:
            ConfigurationError: A variable is not set.
        """
        self.given = dict(options)
        self.target = target
        self._with_values = with_values
        self.values = {name: from_environment(value, name) for name, value in options.items()}
        self._secrets = sorted(self._found_secrets(), key=len, reverse=True)

    @classmethod
    def parsed(cls, texts: Iterable[str], target: str = "") -> GivenOptions:
        """Return the options that texts like ``name=value`` give.

        Raises:
            ConfigurationError: A text is not like that, or a variable is not set.
        """
        options: dict[str, str] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name.isidentifier():
                message = f"an option is given as name=value, not as {redact(name)!r:.80}"
                raise ConfigurationError(message, option="option")
            options[name] = value
        return cls(options, target)

    def shown(self, name: str) -> str:
        """Return an option as a command may show it: secrets become ``env:NAME``."""
        value = self.given[name]
        if not self._with_values:
            return self.reported()[name]
        if is_secret_name(name) and not _is_variable(value):
            return f"{_FROM_ENVIRONMENT}{name.upper()}"
        return redact(str(value))

    def without_values(self) -> GivenOptions:
        """Return the same options, shown as reports show them."""
        return GivenOptions(self.given, self.target, with_values=False)

    @property
    def shown_target(self) -> str:
        """What the user called the backend, without a password."""
        return self.hidden(redact(self.target))

    def reported(self) -> dict[str, str]:
        """Return what reports tell of the options: their names, and variables."""
        return {name: value if _is_variable(value) else "..." for name, value in self.given.items()}

    def words(self) -> list[str]:
        """Return the options as words of a command line."""
        return [
            word
            for name in self.given
            for word in ("-o", shlex.quote(f"{name}={self.shown(name)}"))
        ]

    def arguments(self, target: Target) -> str:
        """Return the options as arguments of a call in a program.

        Args:
            target: What became of them, which tells how texts are understood.
        """
        pairs = []
        for name, value in self.given.items():
            shown: Any = self.shown(name)
            if not self._with_values:
                pass
            elif not isinstance(value, str) and not is_secret_name(name):
                shown = value
            elif not _is_variable(shown):
                shown = converted(target.backend, name, shown)
            pairs.append(f"{name}={shown!r}")
        return self.hidden(", ".join(pairs))

    def hidden(self, text: str) -> str:
        """Return a text without the values of secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def _found_secrets(self) -> set[str]:
        """Return every value that must not be shown."""
        found = {
            str(value)
            for name, value in self.values.items()
            if _is_variable(self.given[name]) or is_secret_name(name)
        }
        texts = [str(value) for value in self.values.values()]
        found |= {_password_of(text) for text in [*texts, from_environment(self.target, "target")]}
        return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def find_given_target(text: str, options: GivenOptions, folder: str) -> Target:
    """Return the backend and its options, with texts turned into what the backend expects.

    Args:
        text: A backend id, a url, ``module:Class``, or ``env:VARIABLE`` with one of these.
        options: As given.
        folder: Folder for backends that keep files and were given no path.

    Raises:
        ConfigurationError: It cannot be found.
        UnknownBackendError: No backend has this id.
    """
    name = str(from_environment(text, "target"))
    target = find_target(name, options.values, folder)
    _refuse_path(target, name)
    if hasattr(target.backend, "create"):  # a check says it where it has none
        check_options(target.backend, target.options)
    understood = {
        name: converted(target.backend, name, value)
        for name, value in options.values.items()
        # An option that names the place has been given its placeholder.
        if isinstance(value, str) and target.options.get(name) == value
    }
    return target.with_options(**understood)


def _refuse_path(target: Target, name: str) -> None:
    """Refuse to take the name of a module that is not there for a path.

    Raises:
        ConfigurationError: It is no url either.
    """
    module, _, cls = name.partition(":")
    looks_so = _MODULE_AND_CLASS.fullmatch(name) and module != "file"
    backend = target.backend
    if looks_so and backend.__name__ != cls and backend.backend_id == "filesystem":
        message = f"there is no module {module!r}; write ./{name} for a path"
        raise ConfigurationError(message, option="target")


def converted(backend: type, name: str, text: str) -> Any:
    """Return the value of an option that was given as a text.

    What the backend annotates as text, or has a text as its default, is one, unless it can be
    a mapping and looks like one. Anything else is read as JSON: ``true``, ``null``, numbers,
    objects, lists; what is no JSON stays a text.

    Args:
        backend: Class that takes the option.
        name: Name of the option.
        text: Its value.
    """
    parameter = parameters_of(backend).get(name)
    is_text = parameter is not None and (
        isinstance(parameter.default, str) or _TEXTS.search(type_text(parameter))
    )
    is_mapping = parameter is not None and _MAPPINGS.search(type_text(parameter))
    if is_text and not (is_mapping and text.startswith("{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def from_environment(value: Any, name: str) -> Any:
    """Return the value of a variable where ``env:VARIABLE`` is given, else the value itself.

    Args:
        value: As given.
        name: Of the option, for the message.

    Raises:
        ConfigurationError: The variable is not set.
    """
    if not _is_variable(value):
        return value
    variable = value.removeprefix(_FROM_ENVIRONMENT)
    if variable not in os.environ:
        message = f"the environment has no variable {variable!r}, which {name} names; set it"
        raise ConfigurationError(message, option=name)
    return os.environ[variable]


def is_secret_name(name: str) -> bool:
    """Whether the name of an option speaks of a secret, as the core sees it in urls."""
    return redact(f"?{name}=x") != f"?{name}=x"


def _is_variable(value: Any) -> bool:
    """Whether a value stands for a variable of the environment."""
    return isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT)


def _password_of(text: str) -> str:
    """Return the password in a url, "" where there is none."""
    try:
        return urlsplit(text).password or ""
    except ValueError:  # no url at all
        return ""
