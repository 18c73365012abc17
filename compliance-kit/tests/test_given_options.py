"""Options as texts: what they become, and what is shown of them."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends import ConfigurationError
from zarr_backends_compliance._session.given_options import GivenOptions, converted


class Options:
    """Takes options of several types."""

    @classmethod
    def create(  # noqa: PLR0913  # that is what it is for
        cls,
        *,
        name: str,
        place: str | None = None,
        token: Any = "",
        timeout_s: float = 1.0,
        secure: bool = False,
        hosts: Any = None,
        **more: Any,
    ) -> Options:
        """Make nothing of them."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", "5", "5"),
        ("place", "null", "null"),
        ("token", "123", "123"),
        ("timeout_s", "2.5", 2.5),
        ("secure", "true", True),
        ("hosts", '["a", "b"]', ["a", "b"]),
        ("hosts", "a,b", "a,b"),
        ("more", '{"anon": true}', {"anon": True}),
    ],
)
def test_texts_become_what_the_backend_expects(name: str, text: str, value: object) -> None:
    """JSON, where neither the annotation nor the default is a text."""
    assert converted(Options, name, text) == value


def test_secrets_are_not_shown() -> None:
    """Neither those that are named so, nor what a variable holds, nor a password in a url."""
    given = GivenOptions.parsed(["password=hunter2", "url=redis://me:letmein@host/0", "db=1"])
    assert given.words() == [
        "-o",
        "password=env:PASSWORD",
        "-o",
        "'url=redis://me:***@host/0'",
        "-o",
        "db=1",
    ]
    assert given.hidden("hunter2 and letmein") == "*** and ***"
    assert given.reported() == {"password": "...", "url": "...", "db": "..."}


def test_a_variable_that_is_not_set() -> None:
    """The message names it, and the option."""
    with pytest.raises(ConfigurationError, match="no variable 'NOT_THERE', which path names"):
        GivenOptions.parsed(["path=env:NOT_THERE"])


@pytest.mark.parametrize("text", ["path", "=x", "a b=c"])
def test_what_is_no_option(text: str) -> None:
    """A name, an equals sign, a value."""
    with pytest.raises(ConfigurationError, match="name=value"):
        GivenOptions.parsed([text])
