"""What every wrapper has: inner backends, and a class with the capabilities that they have.

A capability is found by structure: an instance has it if its class has the methods. So a
wrapper as it is written has none of them. When an instance is made, the optional methods
that its inner backend can serve are put into a class of their own, which is made once for
each set of them and is a subclass of the wrapper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType, new_class
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeVar, cast

from zarr_backends import ArrayNotFoundError, Backend, ConfigurationError
from zarr_backends_wrappers._forks import renew_after_fork
from zarr_backends_wrappers._inner import Connected, close_inner, connected, is_same_place
from zarr_backends_wrappers._keys import abilities_of
from zarr_backends_wrappers._values import refusal

__all__ = ["Wrapper", "mapping_of_inners", "where_inner_has"]

_F = TypeVar("_F", bound=Callable[..., Any])

_Method: TypeAlias = Literal["create", "open"]


_NAMES = ("__doc__", "__module__", "__qualname__")
"""What a class with capabilities has from the wrapper as it is written."""

_classes: dict[tuple[type[Any], frozenset[str]], type[Any]] = {}
"""Classes with capabilities."""


def where_inner_has(*abilities: str) -> Callable[[_F], _F]:
    """Mark a method that only instances have whose inner backend has all of `abilities`."""

    def mark(method: _F) -> _F:
        method.__needs__ = abilities  # type: ignore[attr-defined]  # a note of ours
        return method

    return mark


class Wrapper:
    """A backend over one or several others."""

    backend_id: ClassVar[str]

    _optional: ClassVar[Mapping[str, Any]] = {}
    """Methods that only some instances have."""

    _origin: ClassVar[type[Any]]
    """The wrapper as it is written, which pickles name."""

    _inner_options: ClassVar[tuple[str, ...]] = ("inner",)
    """Options that are backends."""

    _options: Mapping[str, Any]
    """The options, with connected backends in them."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Take the optional methods out of a wrapper that is written."""
        if "_origin" not in vars(cls):
            cls._origin = cls
            marked = {n: m for n, m in vars(cls).items() if hasattr(m, "__needs__")}
            # What a wrapper has without a mark, all its instances have.
            inherited = {n: m for n, m in cls._optional.items() if n not in vars(cls)}
            cls._optional = {**inherited, **marked}
            for name in marked:
                delattr(cls, name)
        super().__init_subclass__(**keywords)

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Connect to the place of the inner backend; see `connect` for the options."""
        return cls._made(options, "create")

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect to an array that exists; see `connect` for the options."""
        return cls._made(options, "open")

    @classmethod
    def _made(cls, options: Mapping[str, Any], method: _Method) -> Self:
        """Return an instance over inner backends, which are connected first."""
        taken = dict(options)
        inners: list[Connected] = []
        try:
            for name in cls._inner_options:
                taken[name] = cls._connect(name, taken.get(name), method, inners)
            wrapper: Any = cls._concrete(cls._abilities(taken))()
            wrapper.start(taken)
            if method == "open" and not all(inner.is_open for inner in inners):
                wrapper.find()
        except BaseException:
            for inner in inners:
                if inner.is_ours:
                    close_inner(inner.backend)
            raise
        return cast("Self", wrapper)

    @classmethod
    def _connect(cls, name: str, value: object, method: _Method, inners: list[Connected]) -> Any:
        """Return the value of an option that is a backend, connected and added to `inners`.

        Raises:
            ConfigurationError: The option is missing.
            ArrayNotFoundError: No array is there, and there has to be one.
        """
        if value is None:
            message = f"{name} is missing: it says over which backend {cls.backend_id!r} works"
            raise ConfigurationError(message, backend=cls.backend_id, option=name)
        try:
            inner = connected(value, wrapper=cls.backend_id, option=name, method=method)
        except ArrayNotFoundError as error:
            error.backend = cls.backend_id
            raise
        inners.append(inner)
        return inner.backend

    @classmethod
    def _abilities(cls, options: Mapping[str, Any]) -> frozenset[str]:
        """Return the abilities that an instance with these options can pass on."""
        return abilities_of(options["inner"])

    def start(self: Any, options: Mapping[str, Any]) -> None:
        """Take the options; the backends among them are connected."""
        self._options = options
        self.connect(**options)
        renew_after_fork(self)

    def find(self: Any) -> None:
        """Find the array.

        Raises:
            ArrayNotFoundError: There is none.
        """
        if not self.exists():
            message = f"no array at {self!r}"
            raise ArrayNotFoundError(message, backend=self.backend_id)

    def renew(self) -> None:
        """Make locks; also in a forked child, where nobody holds them any more."""

    @classmethod
    def _concrete(cls, abilities: frozenset[str]) -> type[Any]:
        """Return the subclass of a wrapper whose instances have what `abilities` allow."""
        origin = cls._origin
        found = _classes.get((origin, abilities))
        if found is None:
            chosen = {n: m for n, m in cls._optional.items() if abilities.issuperset(m.__needs__)}
            about = {name: getattr(origin, name) for name in _NAMES}
            namespace = {**about, **chosen, "_origin": origin}
            # Two threads may both make one; the first is taken.
            made = new_class(origin.__name__, (origin,), exec_body=lambda n: n.update(namespace))
            found = _classes.setdefault((origin, abilities), made)
        return found

    # --- Closing, pickling, comparing, display ---------------------------------------

    def inners(self) -> Iterator[Backend]:
        """Yield the backends that this one works over."""
        for name in self._inner_options:
            value = self._options[name]
            if isinstance(value, Mapping):
                yield from value.values()
            elif value is not None:
                yield value

    def close(self) -> None:
        """Close the inner backends."""
        for inner in self.inners():
            close_inner(inner)

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Close."""
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the options; the inner backends pickle for themselves."""
        return _rebuilt, (self._origin, dict(self._options))

    def __eq__(self, other: object) -> bool:
        """Whether another wrapper of the kind has equal options and the same inner places."""
        if not isinstance(other, Wrapper) or other._origin is not self._origin:
            return NotImplemented
        mine, theirs = self._options, other._options
        return mine.keys() == theirs.keys() and all(
            _is_same(mine[name], theirs[name]) for name in mine
        )

    def __hash__(self) -> int:
        """Return a hash that equal wrappers share."""
        return hash(self._origin)

    def __repr__(self) -> str:
        """Show the inner backends, which show no credential."""
        shown = ", ".join(f"{name}={self._options[name]!r}" for name in self._inner_options)
        return f"<{self._origin.__name__} {shown}>"


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values of an option mean the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(one[n], other[n]) for n in one)
    return bool(one == other) or (isinstance(one, Backend) and is_same_place(one, other))


def _rebuilt(cls: type[Wrapper], options: dict[str, Any]) -> Wrapper:
    """Rebuild a pickled wrapper."""
    return cls.create(**options)


def mapping_of_inners(wrapper: str, option: str, value: object) -> Mapping[str, object]:
    """Return the named backends that an option of several holds.

    Raises:
        ConfigurationError: It is no mapping of names.
    """
    if isinstance(value, Mapping) and value and all(isinstance(n, str) and n for n in value):
        return value
    # No more than the type: there may be passwords in it.
    failure = refusal(wrapper, option, type(value), "a mapping of names to backends")
    raise failure
