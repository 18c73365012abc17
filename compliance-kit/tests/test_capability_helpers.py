"""What the checks of capabilities stand on: second instances, urls, zarr-python's own tests."""

from __future__ import annotations

import pytest

from zarr_backends_compliance import trial
from zarr_backends_compliance._kernel.profiles import PROFILES
from zarr_backends_compliance._kernel.verdicts import Violation
from zarr_backends_compliance._tools.instances import another, open_files, second
from zarr_backends_compliance._tools.store_runs import keys_develop, run_store_suite
from zarr_backends_compliance._tools.url_forms import accepted_urls, known_urls

CAPABLE = "zarr_backends_compliance._mutants.capable"
KEYS = "zarr_backends_compliance._mutants.keys"


def test_a_second_instance_finds_what_the_first_one_wrote() -> None:
    """It is another object at the same place."""
    with trial("memory") as t:
        backend = t.array()
        assert another(t, backend) is not backend
        assert second(t, backend).exists()


def test_open_files_are_counted() -> None:
    """A file more is one more, where the system tells."""
    before = open_files()
    with open(__file__, "rb"):  # noqa: PTH123  # a plain file
        assert open_files() in (before + 1, 0)


@pytest.mark.parametrize("target", ["memory", f"{CAPABLE}:WithUrls"])
def test_urls_of_places_are_found(target: str) -> None:
    """A url that is found stands for the options of the place."""
    with trial(target) as t:
        urls = known_urls(t)
        assert urls
        options = dict(accepted_urls(t, "url"))[urls[0]]
        assert options.items() <= t.options("url").items()


def test_the_suite_of_zarr_python_runs_apart_from_this_session() -> None:
    """It passes on a correct backend, and says what fails on a faulty one."""
    with trial("memory") as t:
        run_store_suite(t)
    with trial(f"{KEYS}:SetsAnyway") as t, pytest.raises(Violation, match="if_not_exists"):
        run_store_suite(t)


def test_a_state_machine_tells_the_steps_to_a_fault() -> None:
    """The shortest sequence is shown."""
    with trial(f"{KEYS}:LeavesEmpty") as t:
        t.profile = PROFILES["standard"]
        with pytest.raises(Violation, match=r"state\.clear\(\)"):
            keys_develop(t)
