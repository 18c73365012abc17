"""The class itself: its members, how they are called, its options."""

from __future__ import annotations

from zarr_backends import Backend, ConfigurationError
from zarr_backends._storage.registry.conformance import fault_of
from zarr_backends._storage.registry.options import parameters_of
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, is_true, raises
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.options import (
    omittable,
    open_checked,
    opened_or_refused,
    wrong_values,
)
from zarr_backends_compliance._tools.places import instances
from zarr_backends_compliance._tools.signatures import signature_fault

__all__: list[str] = []


@check(
    "ZB-CLASS-01",
    "A backend class has the ten members, an id, and options that are keyword-only.",
    hint="The message is the core's own reason to refuse the class; it names every fault at once.",
)
def the_core_takes_the_class(t: Trial) -> None:
    """The shape alone: members, class methods, id, version of the contract."""
    fault = fault_of(t.target.backend)
    is_true(fault is None, f"the core refuses the class: {fault and fault.reason}")


@check(
    "ZB-CLASS-02",
    "The members take the arguments of the contract, under their names.",
    hint="Compare the signature with that of the same member of zarr_backends.Backend.",
)
def members_take_the_arguments_of_the_contract(t: Trial) -> None:
    """By position and by name, and nothing else is required."""
    backend = t.create()
    for member in ("read_chunk", "write_chunk", "delete_chunk", "list_chunks", "exists"):
        is_true(not (fault := signature_fault(backend, member)), fault)
    for member in ("read_metadata", "write_metadata"):
        is_true(not (fault := signature_fault(backend, member)), fault)


@check(
    "ZB-CLASS-03",
    "`create` and `open` return an instance of the class (Self), whose backend_id is the class's.",
    hint="Return cls(...), not an object of another class, and keep backend_id a class attribute.",
)
def create_and_open_return_an_instance(t: Trial) -> None:
    """Of this very class, with all members and the one id."""
    backend = t.array()
    for instance in instances(t, backend):
        is_true(isinstance(instance, Backend), f"{type(instance).__name__} is no Backend")
        is_true(
            isinstance(instance, t.target.backend),
            f"the instance is a {type(instance).__name__}, no {t.target.backend.__name__}",
        )
        equal(instance.backend_id, t.target.backend.backend_id, "backend_id of the instance")


@check(
    "ZB-CLASS-04",
    "An unknown option is refused by an error that names it; a misspelt one is answered with "
    "the right one.",
    hint="Declare every option as a keyword-only parameter; do not swallow others in **options.",
)
def unknown_options_are_refused(t: Trial) -> None:
    """A made-up option, and each real one with a letter too many."""
    options = {**t.options(), "zbc_unknown": 1}
    error = raises(ConfigurationError, open_checked, t.target.backend, **options)
    equal(error.option, "zbc_unknown", "the error's attribute `option`")
    for name in parameters_of(t.target.backend):
        options = {**t.options(), f"{name}e": 1}
        error = raises(ConfigurationError, open_checked, t.target.backend, **options)
        is_true(name in str(error), f"the error about {name}e does not name {name}: {error}")


@check(
    "ZB-CLASS-05",
    "An option that is needed and missing is refused by an error that names it.",
    hint="Give options that can be left out a default; check the others for None first of all.",
)
def missing_options_are_named(t: Trial) -> None:
    """Each option that has no default, and the one that names the place."""
    for name in omittable(t.target):
        options = {key: value for key, value in t.options().items() if key != name}
        error = opened_or_refused(t.target.backend, options, f"without {name}")
        is_true(
            error is None or (isinstance(error, ConfigurationError) and error.option == name),
            f"without the option {name} it raised {error!r:.200}, "
            f"not a ConfigurationError with option={name!r}",
        )


@check(
    "ZB-CLASS-06",
    "An option of a wrong type or an impossible value is an error of ours, never an accident.",
    hint="Check the types of options in `create` or `connect` and raise ConfigurationError.",
)
def wrong_options_are_errors_of_ours(t: Trial) -> None:
    """Every option that is a text, number or switch, one after the other."""
    for name, value in wrong_values(t.target.backend):
        options = {**t.options(), name: value}
        error = opened_or_refused(t.target.backend, options, f"with {name}={value!r:.40}")
        is_true(
            getattr(error, "option", None) in (None, name),
            f"the error about {name}={value!r:.40} blames the option {error!r:.200}",
        )
