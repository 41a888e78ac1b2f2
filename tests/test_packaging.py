"""What is installed works outside of the clone, and what it needs is said precisely."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import seqclf

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALONE = {"gpu", "mlflow", "ray", "wandb"}
TOGETHER = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *(EXTRAS[extra] for extra in sorted(EXTRAS.keys() - ALONE)))
    for line in lines
    if not line.startswith("seqclf")
]
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_every_yaml_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    yamls = {f"seqclf/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")}
    plugin = "hydra_plugins/seqclf_sweepers/sweepers.py"
    assert yamls | {"seqclf/py.typed", "seqclf/run/cli.py", plugin} <= names
    assert {name.split("/")[0] for name in names} == {
        "seqclf",
        "hydra_plugins",
        f"seqclf-{seqclf.__version__}.dist-info",
    }
    assert "hydra_plugins/__init__.py" not in names, "others have plugins too"


def test_an_installed_seqclf_finds_its_own_configuration(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import sys; sys.argv = ['seqclf-train', '--cfg', 'job', 'encoder=lstm']; import seqclf.run.cli as cli; "
    code += "print(cli.conf_path()); cli.train_main()"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(str(tmp_path / "site" / "seqclf" / "conf"))
    assert "hidden_size" in done.stdout


def test_the_console_scripts_are_there() -> None:
    import seqclf.run.cli

    for script in ("seqclf-train", "seqclf-evaluate", "seqclf-predict"):
        module, _, name = PROJECT["scripts"][script].partition(":")
        assert module == "seqclf.run.cli"
        assert callable(getattr(seqclf.run.cli, name))


def test_the_version_is_said_once_and_the_same() -> None:
    assert PROJECT["version"] == seqclf.__version__


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)])
def test_a_dependency_has_a_lower_bound_and_a_comment(line: str) -> None:
    if not line.startswith("seqclf"):
        assert any(bound.operator == ">=" for bound in Requirement(line).specifier)
    assert re.search(rf'"{re.escape(line)}".*# \w', PYPROJECT)


@pytest.mark.parametrize("requirement", TOGETHER, ids=str)
def test_what_installs_together_is_pinned_to_a_version_that_fits(requirement: Requirement) -> None:
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_the_pins_are_versions_and_nothing_of_one_machine() -> None:
    for name, version in PINS.items():
        assert re.fullmatch(r"[\w.-]+", name)
        assert re.fullmatch(r"[\d.]+(post\d+)?", version), f"{name}=={version}"


@pytest.mark.parametrize("module", ["openpyxl", "datasets"])
def test_the_extras_that_the_tests_need_are_installed(module: str) -> None:
    assert find_spec(module)
