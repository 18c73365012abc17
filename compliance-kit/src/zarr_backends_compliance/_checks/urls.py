"""Urls that stand for options, and those that cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarr_backends import ConfigurationError
from zarr_backends._storage.registry.options import parameters_of
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, is_true, same_bytes, shown
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip, violated
from zarr_backends_compliance._tools.url_forms import (
    accepted_urls,
    is_path,
    known_urls,
    schemes_of,
)

__all__: list[str] = []

_SECRET = "s3cret-hunter2"  # noqa: S105  # no real one

_ENDS = (
    "", ":", "://", ":///", f"://u:{_SECRET}@", f"://u:{_SECRET}@host", f"://u:{_SECRET}@host:port/x",
    f"://u:{_SECRET}@host/a/b/c/d?x=1&y=2", f"://u:{_SECRET}@host/a#b#c", "://[half", "://host:99999999/x",
    f"://u:{_SECRET}@[::1/x", "://%zz/%", "://h/a?timeout_s=soon", "://\0/x", "://x y/z", "?a#b",
    f"://:{_SECRET}@/", f"://h/x?password={_SECRET}&nonsense=1",
)  # fmt: skip
"""What is put behind a scheme: little of it is a url of any backend."""


def options_of(backend: Any, url: str) -> Mapping[str, Any] | None:
    """Return the options of a url, None where it is refused; fail where it is refused badly."""
    try:
        options = backend.options_from_url(url)
    except ConfigurationError as error:
        leaked = _SECRET in f"{error!s} {error!r} {error.__cause__!r}"
        is_true(not leaked, f"the error about {url!r} shows the password: {error}")
        return None
    except Exception as error:  # noqa: BLE001  # this is what must not come out
        violated(f"{url!r} raised {type(error).__name__}, not ConfigurationError: {error}")
    is_true(isinstance(options, Mapping), f"options_from_url gave {shown(options)}, no mapping")
    strange = [name for name in options if type(name) is not str]
    is_true(not strange, f"options_from_url gave names of options that are no strings: {strange}")
    return dict(options)


@check(
    "ZB-URL-01",
    "options_from_url returns the options that a url stands for; with them the backend works.",
    hint="Return the names that create takes, and values of the types that it takes.",
    needs=("urls", "places"),
)
def options_of_a_url_work(t: Trial) -> None:
    """A url of this backend's places: an array is written and found through its options."""
    urls = known_urls(t, "Url-1")
    for url, named in accepted_urls(t, "Url-1"):
        strange = sorted(set(named) - set(parameters_of(t.target.backend)))
        is_true(not strange, f"{shown(url)} became options that create does not have: {strange}")
        is_true(urls or not is_path(named, t.options("Url-1")), f"{url} became {named}")
    if not urls:
        skip("a url that the kit can make for its places; name the target by a url")
    for url in urls:
        options = options_of(t.target.backend, url) or {}
        equal(options_of(t.target.backend, url) or {}, options, "the options of the same url again")
        backend = t.target.backend.create(**{**t.options("Url-1"), **options})
        backend.write_metadata(t.array("plain").read_metadata(), 3)
        backend.write_chunk((0,), b"by url")
        t.settle(backend)
        same_bytes(t.open("Url-1").read_chunk((0,)), b"by url", f"a chunk written at {shown(url)}")
        backend.delete_chunk((0,))
        t.settle(backend)


@check(
    "ZB-URL-02",
    "A url that lacks something raises ConfigurationError, which quotes it without its password.",
    hint="Catch what urlsplit and int() raise; take the user information out before you quote it.",
    needs=("urls",),
)
def a_bad_url_is_refused(t: Trial) -> None:
    """Urls of nothing, of half a host, with passwords and strange ports: options, or refused."""
    for scheme in schemes_of(t.target.backend):
        for end in _ENDS:
            options_of(t.target.backend, f"{scheme}{end}")


@check(
    "ZB-URL-03",
    "What is percent-encoded in a url is decoded, once.",
    hint="unquote each part after the url is split, not the whole url and not twice.",
    needs=("urls", "places"),
)
def a_url_is_decoded_once(t: Trial) -> None:
    """Spaces, percent signs, question marks, letters of other alphabets."""
    found = [url for url in known_urls(t, name="zb-plain") if "zb-plain" in url]
    if not found:
        skip("a url that the kit can make for its places; name the target by a url")
    for url in found:
        plain = options_of(t.target.backend, url) or {}
        for quoted, text in (
            ("a%20b", "a b"),
            ("a%2520b", "a%20b"),
            ("%C3%A9", "é"),
            ("a+b", "a+b"),
        ):
            seen = options_of(t.target.backend, url.replace("zb-plain", quoted))
            expected = {
                name: value.replace("zb-plain", text) if isinstance(value, str) else value
                for name, value in plain.items()
            }
            equal(seen, expected, f"the options of {shown(url.replace('zb-plain', quoted))}")
