"""Discovery of real distributions: wheels that are built, installed and asked about here.

Every question is answered by a fresh interpreter that has the folder of a test on its
path, before everything that is installed with the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ASK = """
import json, sys
import zarr_backends as zb
from dataclasses import asdict
try:
    answer = {expression}
except Exception as error:
    cause = error.__cause__
    answer = [type(error).__name__, str(error), type(cause).__name__]
print(json.dumps(answer))
"""
"""Program that prints the value of an expression, or the error that it raised."""

SHELF = "__import__('importlib').import_module('zarr_backends._storage.{0}')"
"""Expression for a private module."""

PLUGIN = """
class Plugin:
    '''Keeps nothing at all.

    It is there to be found.
    '''

    backend_id = {backend_id!r}

    @classmethod
    def create(cls, *, place: str, depth=3): return cls()
    @classmethod
    def open(cls, *, place: str, depth=3): return cls()
    @classmethod
    def options_from_url(cls, url): return {{"place": url}}
    def read_chunk(self, index): ...
    def write_chunk(self, index, data): ...
    def read_metadata(self): ...
    def write_metadata(self, metadata, zarr_format): ...
    def list_chunks(self): ...
    def delete_chunk(self, index): ...
    def exists(self): ...
"""
"""Source of a plugin that imports nothing, not even the core."""


METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
"""What a distribution says of itself."""


class Environment:
    """Folders that distributions are installed into, the first of them first on the path."""

    def __init__(self, root: Path) -> None:
        """Start with one empty folder."""
        self.root = root
        self.sites = [root / "site"]
        self.variables: dict[str, str] = {}

    def wheel(
        self, name: str, source: str, *, backends: Mapping[str, str], version: str, **schemes: str
    ) -> Path:
        """Build a wheel of one module and return its path."""
        module, stem = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}"
        points = ["[zarr_backends]", *(f"{i} = {value}" for i, value in backends.items())]
        points += ["[zarr_backends.schemes]", *(f"{s} = {value}" for s, value in schemes.items())]
        files = {
            f"{module}.py": textwrap.dedent(source),
            f"{stem}.dist-info/METADATA": METADATA.format(name=name, version=version),
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
            f"{stem}.dist-info/entry_points.txt": "\n".join(points),
        }
        files[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
        wheel = self.root / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        return wheel

    def install(
        self,
        backend_id: str,
        source: str | None = None,
        *,
        name: str | None = None,
        version: str = "1.2.3",
        site: int = 0,
        **schemes: str,
    ) -> None:
        """Install a distribution that brings one backend, with a working one as default."""
        name = name or f"zb-{backend_id}"
        backends = {backend_id: f"{name.replace('-', '_')}:Plugin"}
        source = PLUGIN.format(backend_id=backend_id) if source is None else source
        wheel = self.wheel(name, source, backends=backends, version=version, **schemes)
        # The wheel has neither scripts nor data, and so to install it is to unpack it.
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.sites[site])

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in a fresh interpreter, or its error."""
        return self.run([sys.executable, "-c", ASK.format(expression=expression)])

    def run(self, command: list[str]) -> Any:
        """Return what a program prints, parsed as JSON."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ZARR_BACKENDS")}
        path = os.pathsep.join([*map(str, self.sites), os.environ.get("PYTHONPATH", "")])
        answer = subprocess.run(
            command,
            env={**inherited, "PYTHONPATH": path.strip(os.pathsep), **self.variables},
            check=True,
            stdout=subprocess.PIPE,
        )
        return json.loads(answer.stdout)

    def info(self, backend_id: str) -> Any:
        """Return `backend_info` as a dictionary."""
        return self.ask(f"asdict(zb.backend_info({backend_id!r}))")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Return an environment without plugins of its own."""
    return Environment(tmp_path)


# --- What is found ----------------------------------------------------------------------


def test_without_plugins_the_core_s_own_are_there(environment: Environment) -> None:
    """The core's backends are installed with its distribution."""
    assert {"filesystem", "memory", "zip"} <= set(environment.ask("zb.list_backends()"))


def test_importing_the_package_loads_no_plugin(environment: Environment) -> None:
    """Neither a plugin nor zarr nor what reads metadata is imported."""
    environment.install("alpha")
    heavy = ["zb_alpha", "zarr", "importlib_metadata", "zarr_backends._storage.zip.backend"]
    assert environment.ask(f"[name for name in {heavy} if name in sys.modules]") == []


def test_listing_imports_no_plugin(environment: Environment) -> None:
    """Ids are read from metadata alone."""
    environment.install("alpha")
    expression = (
        "['alpha' in zb.list_backends(), zb.is_registered('alpha'), 'zb_alpha' in sys.modules]"
    )
    assert environment.ask(expression) == [True, True, False]


def test_everything_is_known_about_a_plugin(environment: Environment) -> None:
    """Where it is from, what it takes and what it can do."""
    environment.install("alpha", alpha="zb_alpha:Plugin", beta="zb_alpha : Plugin [extra]")
    options = [
        {"name": "place", "type": "str", "required": True, "default": None},
        {"name": "depth", "type": "", "required": False, "default": "3"},
    ]
    assert environment.info("alpha") == {
        "id": "alpha",
        "distribution": "zb-alpha",
        "version": "1.2.3",
        "summary": "Keeps nothing at all.",
        "options": options,
        "capabilities": ["SupportsUrls"],
        "schemes": ["alpha", "beta"],
        "state": "available",
        "error": None,
    }


def test_two_plugins_stand_side_by_side(environment: Environment) -> None:
    """Each id leads to its own class."""
    environment.install("alpha")
    environment.install("beta")
    expression = "[zb.get_backend(i).__module__ for i in zb.list_backends() if len(i) in (4, 5)]"
    assert environment.ask(expression) == ["zb_alpha", "zb_beta"]


def test_a_url_scheme_leads_to_its_plugin(environment: Environment) -> None:
    """The whole scheme comes before the part in front of its plus."""
    environment.install("alpha", alpha="zb_alpha:Plugin")
    environment.install("beta", **{"alpha+fast": "zb_beta:Plugin"})
    code = f"[{SHELF.format('urls')}.resolve(u, None, {{}})[0].backend_id"
    urls = ["alpha://x", "alpha+fast://x", "alpha+slow://x", "ALPHA://x"]
    assert environment.ask(f"{code} for u in {urls}]") == ["alpha", "beta", "alpha", "alpha"]


def test_a_wheel_on_the_path_is_a_distribution(environment: Environment) -> None:
    """Python imports from zip archives, and so do we."""
    source = PLUGIN.format(backend_id="zipped")
    backends = {"zipped": "zb_zipped:Plugin"}
    environment.sites = [environment.wheel("zb-zipped", source, backends=backends, version="1")]
    assert environment.info("zipped")["state"] == "available"


def test_the_same_distribution_twice_is_no_conflict(environment: Environment) -> None:
    """The first on the path is the one that Python would import."""
    environment.sites.append(environment.root / "second")
    environment.install("alpha", version="2.0", site=0)
    environment.install("alpha", version="1.0", site=1)
    info = environment.info("alpha")
    assert (info["state"], info["version"]) == ("available", "2.0")


def test_a_distribution_in_a_folder_of_another_name_is_found(environment: Environment) -> None:
    """Its metadata says what it is called."""
    environment.install("alpha")
    folder = environment.sites[0] / "zb_alpha-1.2.3.dist-info"
    folder.rename(folder.with_name("renamed-1.2.3.dist-info"))
    assert environment.info("alpha")["distribution"] == "zb-alpha"


def test_an_older_copy_behind_does_not_count(environment: Environment) -> None:
    """What the first distribution of a name no longer declares is not there."""
    environment.sites.append(environment.root / "second")
    environment.install("beta", name="both", site=0)
    environment.install("alpha", name="both", version="1.0", site=1)
    listed = environment.ask("zb.list_backends()")
    assert "beta" in listed
    assert "alpha" not in listed


def test_a_thousand_distributions_are_scanned_once(environment: Environment) -> None:
    """A large environment works, and the second question costs no second look."""
    for number in range(1000):
        info = environment.sites[0] / f"fake_{number}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_bytes(b"Name: fake-%d\nVersion: 1.0\n" % number)
        if number % 10 == 0:
            (info / "entry_points.txt").write_bytes(b"[zarr_backends]\nfake%d = f:C\n" % number)
    scan = f"{SHELF.format('registry.installed')}.installed"
    expression = f"[sum(i.startswith('fake') for i in zb.list_backends()), {scan}() is {scan}()]"
    assert environment.ask(expression) == [100, True]


def test_many_threads_import_a_plugin_once(environment: Environment) -> None:
    """All get the same class, though its import takes a while."""
    source = "import os, time; time.sleep(0.1); os.mkdir(__file__ + '.once')"
    environment.install("slow", source + PLUGIN.format(backend_id="slow"))
    pool = "__import__('concurrent.futures', fromlist=['x']).ThreadPoolExecutor(8)"
    expression = f"len(set({pool}.map(zb.get_backend, ['slow'] * 8)))"
    assert environment.ask(expression) == 1


# --- Conflicts and switches -------------------------------------------------------------


def test_two_distributions_with_one_id_conflict(environment: Environment) -> None:
    """The error names both and says how to pick one."""
    environment.install("alpha", name="first-one")
    environment.install("alpha", name="second-one")
    kind, message, _ = environment.ask("zb.get_backend('alpha')")
    assert kind == "ConfigurationError"
    assert "first-one 1.2.3" in message
    assert "second-one 1.2.3" in message
    assert "storage='second-one:alpha'" in message
    assert environment.info("alpha")["state"] == "conflict"


def test_a_distribution_s_name_settles_a_conflict(environment: Environment) -> None:
    """It may be spelt in any way that means the same."""
    environment.install("alpha", name="first-one")
    environment.install("alpha", name="second-one")
    spellings = ["first-one:alpha", "First_One:alpha", "second.one:alpha"]
    found = environment.ask(
        f"[[zb.get_backend(n).__module__, zb.backend_info(n).distribution] for n in {spellings}]"
    )
    assert found == [["first_one", "first-one"]] * 2 + [["second_one", "second-one"]]


def test_two_distributions_with_one_scheme_conflict(environment: Environment) -> None:
    """The error says which ``storage=`` to give beside the url."""
    environment.install("alpha", both="zb_alpha:Plugin")
    environment.install("beta", both="zb_beta:Plugin")
    kind, message, _ = environment.ask("zb.open('both://x')")
    assert kind == "ConfigurationError"
    assert "url scheme 'both'" in message
    assert "storage='zb-beta:beta'" in message


@pytest.mark.parametrize("pattern", ["alpha", "zb-alpha:alpha", "ZB_Alpha:*", "x, al*", "*"])
def test_a_disabled_backend_is_left_alone(environment: Environment, pattern: str) -> None:
    """It is listed as disabled and not imported."""
    environment.install("alpha", "raise RuntimeError")
    environment.variables["ZARR_BACKENDS_DISABLE"] = pattern
    info = environment.info("alpha")
    assert info["state"] == "disabled"
    assert "ZARR_BACKENDS_DISABLE" in info["error"]


def test_a_disabled_backend_cannot_be_had(environment: Environment) -> None:
    """The error says by what it was disabled."""
    environment.variables["ZARR_BACKENDS_DISABLE"] = "zip"
    kind, message, _ = environment.ask("zb.get_backend('zip')")
    assert kind == "UnknownBackendError"
    assert "ZARR_BACKENDS_DISABLE" in message


def test_disabling_one_settles_a_conflict(environment: Environment) -> None:
    """The other one is taken."""
    environment.install("alpha", name="first-one")
    environment.install("alpha", name="second-one")
    environment.variables["ZARR_BACKENDS_DISABLE"] = "first-one:alpha"
    assert environment.ask("zb.get_backend('alpha').__module__") == "second_one"


# --- Plugins that cannot be used --------------------------------------------------------

WORKING = PLUGIN.format(backend_id="bad")

DEFECTS = [
    ("broken", "raise RuntimeError('out of order')", "RuntimeError: out of order"),
    ("broken", "import sys; sys.exit(3)", "SystemExit: 3"),
    ("broken", "def broken(:", "SyntaxError"),
    ("broken", "import zb_bad.inside", "ModuleNotFoundError"),
    ("broken", "from json import no_such_name", "ImportError"),
    ("broken", "", "has no attribute 'Plugin'"),
    ("missing dependency", "import no_such_library.part", "needs the module 'no_such_library'"),
    ("invalid", "Plugin = 7", "must be a class, not 7"),
    ("invalid", WORKING.replace("exists", "is_there"), "misses exists"),
    ("invalid", WORKING.replace("'bad'", "'good'"), "backend_id 'good'"),
    ("incompatible", WORKING + "    contract_version = 99\n", "version 99 of the contract"),
]


@pytest.mark.parametrize(("state", "source", "said"), DEFECTS)
def test_a_defect_is_reported_and_disturbs_no_other(
    environment: Environment, state: str, source: str, said: str
) -> None:
    """State, distribution and cause are told; the plugin beside it works."""
    environment.install("bad", source)
    environment.install("good")
    bad, good, error = environment.ask(
        "[asdict(zb.backend_info('bad')), zb.get_backend('good').__module__, zb.list_backends()]"
    )
    assert (bad["state"], bad["distribution"]) == (state, "zb-bad")
    assert said in bad["error"]
    assert good == "zb_good"
    assert "bad" in error


def test_the_cause_of_a_failed_import_is_chained(environment: Environment) -> None:
    """The traceback shows what the plugin raised."""
    environment.install("bad", "raise RuntimeError('out of order')")
    kind, message, cause = environment.ask("zb.get_backend('bad')")
    assert (kind, cause) == ("InvalidBackendError", "RuntimeError")
    assert "zb-bad 1.2.3" in message


@pytest.mark.parametrize("source", [DEFECTS[0][1], DEFECTS[8][1]])
def test_strict_mode_makes_any_defect_an_error(environment: Environment, source: str) -> None:
    """The first question of all finds it."""
    environment.install("bad", source)
    environment.variables["ZARR_BACKENDS_STRICT"] = "1"
    kind, message, _ = environment.ask("zb.list_backends()")
    assert kind == "InvalidBackendError"
    assert "zb-bad" in message


def test_strict_mode_refuses_a_conflict(environment: Environment) -> None:
    """Also where nobody asks for that id."""
    environment.install("alpha", name="first-one")
    environment.install("alpha", name="second-one")
    environment.variables["ZARR_BACKENDS_STRICT"] = "1"
    assert environment.ask("zb.get_backend('memory')")[0] == "ConfigurationError"


def test_strict_mode_lets_sound_and_disabled_plugins_pass(environment: Environment) -> None:
    """To disable a backend is a decision and no defect."""
    environment.install("alpha")
    environment.install("bad", "raise RuntimeError")
    environment.variables |= {"ZARR_BACKENDS_STRICT": "1", "ZARR_BACKENDS_DISABLE": "bad"}
    assert environment.ask("zb.get_backend('alpha').backend_id") == "alpha"


@pytest.mark.parametrize("file", ["METADATA", "entry_points.txt"])
def test_unreadable_metadata_disturbs_no_other(environment: Environment, file: str) -> None:
    """It is mentioned where something is not found, as it may be the reason."""
    environment.install("bad")
    environment.install("good")
    (environment.sites[0] / "zb_bad-1.2.3.dist-info" / file).write_bytes(b"\xff[zarr_backends")
    kind, message, _ = environment.ask("zb.get_backend('good') and zb.get_backend('bad')")
    assert kind == "UnknownBackendError"
    assert "'bad'" in message
    assert "zb_bad-1.2.3.dist-info" in message


def test_a_scheme_without_its_backend_is_a_defect(environment: Environment) -> None:
    """A scheme leads to a class that the distribution declares as a backend."""
    environment.install("alpha", lost="zb_alpha:Other")
    kind, message, _ = environment.ask("zb.open('lost://x')")
    assert kind == "UnknownBackendError"
    assert "url scheme 'lost' for zb_alpha:Other" in message


def test_a_package_that_is_not_installed_says_so(environment: Environment) -> None:
    """Sources that are merely on the path have no entry points."""
    for name in ("zarr_backends", "numpy", "importlib_metadata"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        for path in Path(spec.origin).parents[1].iterdir():
            link = environment.root / path.name
            if path.suffix != ".dist-info" and not link.exists():
                link.symlink_to(path)
    environment.sites = [environment.root]
    code = ASK.format(expression="zb.get_backend('memory')")
    kind, message, _ = environment.run([sys.executable, "-S", "-c", code])
    assert kind == "UnknownBackendError"
    assert "pip install zarr-backends" in message
