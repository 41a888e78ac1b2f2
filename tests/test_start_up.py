"""Nothing heavy is imported before work starts."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

import seqclf

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "pytorch_lightning", "hydra", "omegaconf", "numpy", "transformers", "datasets", "sklearn", "pyarrow")
MAIN = "import sys; sys.argv = ['train.py', *{arguments}]; from seqclf.run.cli import train_main; train_main()"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def cpu_seconds(code: str) -> float:
    """Of a process that runs this, beyond those of one that runs nothing; the least of three."""

    def once(what: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(what)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once(code) for _ in range(3)) - min(once("pass") for _ in range(3))


def loaded_after(code: str) -> set[str]:
    return set(run(f"import sys\n{code}\nprint('|', *sys.modules)").rpartition("|")[2].split())


def test_importing_seqclf_imports_nothing_heavy() -> None:
    assert not loaded_after("import seqclf").intersection(HEAVY)


def test_importing_seqclf_takes_less_than_a_tenth_of_a_second() -> None:
    assert cpu_seconds("import seqclf") < 0.1


def test_help_imports_nothing_heavy() -> None:
    assert not loaded_after(MAIN.format(arguments=["--help"])).intersection(HEAVY)


def test_help_takes_less_than_six_tenths_of_a_second() -> None:
    assert cpu_seconds(MAIN.format(arguments=["--help"])) < 0.6


def test_showing_the_configuration_imports_no_torch() -> None:
    assert not loaded_after(MAIN.format(arguments=["--cfg", "job"])).intersection({"torch", "numpy"})


def test_a_run_imports_nothing_that_its_first_step_does_not_need(tmp_path: Path) -> None:
    code = MAIN.format(arguments=["data=synthetic", "data.records=60", "check=true", f"hydra.run.dir={tmp_path}"])
    loaded = loaded_after(code)
    assert {"torchmetrics", "pytorch_lightning"} <= loaded
    assert not loaded.intersection({"transformers", "matplotlib", "scipy", "sklearn", "pandas"})


def test_what_torchmetrics_does_without_can_be_imported_afterwards() -> None:
    code = """
from seqclf.run.lean_imports import lean_imports
lean_imports()
import torchmetrics, scipy.signal, transformers
from lightning_utilities.core.imports import RequirementCache, package_available
from torchmetrics.classification import MulticlassAccuracy
print(bool(RequirementCache("scipy")), bool(RequirementCache("transformers>=4")), package_available("scipy"))
try:
    MulticlassAccuracy(num_classes=2).plot()
except ModuleNotFoundError as error:
    print("matplotlib" in str(error))
"""
    assert run(code).split() == ["True"] * 4


def test_a_run_composes_its_configuration_once() -> None:
    count = """
import hydra._internal.hydra as h
real, calls = h.Hydra.compose_config, []
def counting(self, *args, **kwargs):
    calls.append(1)
    return real(self, *args, **kwargs)
h.Hydra.compose_config = counting
import atexit; atexit.register(lambda: print('|', len(calls)))
"""
    arguments = ["data=nothing.of.the.kind"]
    ended = subprocess.run(
        [sys.executable, "-c", count + MAIN.format(arguments=arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert ended.stdout.split("|")[1].strip() == "1"


@pytest.mark.parametrize("name", seqclf.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(seqclf, name).__name__ == name
    assert name in dir(seqclf)


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'SequenceClasifier'"):
        _ = seqclf.SequenceClasifier
