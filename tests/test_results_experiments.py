"""The section of docs/results.md on experiments is made of what their yamls say and of the runs that were kept."""

import csv
import statistics
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from seqclf.run.conf_path import conf_path

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script in a folder of its own, with a page of another section."""
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    Path("docs/results.md").write_text("# Results\n\nbefore\n\n## Another\n\n| a |\n")
    return script("results_experiments", monkeypatch)


def rows(values: list[float], experiment: str = "kim_cnn_rand", name: str = "mr") -> list[dict[str, object]]:
    return [
        {"experiment": experiment, "set": name, "seed": seed, "hub": False, "typed": [], "minutes": float(seed)}
        | {"test/accuracy": value}
        for seed, value in enumerate(values, start=1)
    ]


def test_every_experiment_has_a_row_for_each_of_its_figures(results: ModuleType) -> None:
    found = results.published()
    assert {one.experiment for one in found} == {path.stem for path in (conf_path() / "experiment").glob("*.yaml")}
    by_key = {one.key: one for one in found}
    assert by_key["kim_cnn_rand", "subj"].value == 89.6
    assert by_key["siamese", "amazon_google"].figure == "f1/match"
    assert not by_key["siamese", "amazon_google"].verified
    assert by_key["kim_cnn_rand", "subj"].verified


def test_a_row_has_mean_deviation_difference_seeds_and_minutes(results: ModuleType) -> None:
    one = next(one for one in results.published() if one.key == ("kim_cnn_rand", "mr"))
    values = [0.74, 0.75, 0.79]
    cells = [cell.strip() for cell in results.line_of(one, rows(values)).strip("|").split("|")]
    mean, deviation = 100 * statistics.mean(values), 100 * statistics.stdev(values)
    assert cells[2:7] == [f"{mean:.1f} ± {deviation:.1f}", "76.1", f"{mean - 76.1:+.1f}", "3", "2.0"]
    assert "ten folds" in cells[7]


def test_what_was_not_run_says_why(results: ModuleType) -> None:
    found = {one.key: results.line_of(one, []) for one in results.published()}
    assert "not run: needs the GoogleNews vectors" in found["kim_cnn_static", "trec"]
    assert "not run: no files of this set were at hand" in found["han", "yelp"]
    assert "not run yet" in found["kim_cnn_rand", "mr"]


def test_the_section_takes_the_place_of_the_old_one_and_leaves_the_others(
    results: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write_section(rows([0.5]))
    with results.PAGE.open("a") as page:
        page.write("\n## Later\n\nlast\n")
    results.write_section(rows([0.75]))
    page = results.PAGE.read_text()
    assert page.count(results.TITLE) == 1
    assert page.startswith("# Results\n\nbefore\n\n## Another\n\n| a |\n\n## Experiments")
    assert page.endswith("\n\n## Later\n\nlast\n")
    assert "| 75.0 | 76.1 | -1.1 | 1 |" in page
    again = page
    results.write_section(rows([0.75]))
    assert results.PAGE.read_text() == again
    others = script("results", monkeypatch).others(page + "\n## The best from scratch, chosen\n\nold\n")
    assert others.startswith("\n## Another")
    assert others.endswith("\n## Later\n\nlast\n")


def test_what_is_missing_is_trained_and_kept_and_not_repeated(
    results: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "test"):
        folder = Path("data/trec6")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["text", "label"], *([f"word {row}", "np"[row % 2]] for row in range(40))])
    typed = ["data=data", "sets=trec", "seeds=1", "trainer=debug", "trainer.progress_bar=false", "baselines=false"]
    monkeypatch.setattr("sys.argv", ["results_experiments.py", *typed])
    results.main()
    assert "kim_cnn_static on trec: " in capsys.readouterr().err  # it needs a file of vectors; the others are run
    (row,) = results.kept()
    assert (row["experiment"], row["set"], row["seed"]) == ("kim_cnn_rand", "trec", 1)
    assert 0 <= row["test/accuracy"] <= 1
    assert "`trainer=debug trainer.progress_bar=false baselines=false`" in results.PAGE.read_text()
    results.main()
    assert len(results.kept()) == 1


@pytest.mark.parametrize(("typed", "near"), [("sets=trek", "trec"), ("experiments=kim_cnn", "kim_cnn_rand")])
def test_a_name_that_there_is_not_is_said(
    results: ModuleType, monkeypatch: pytest.MonkeyPatch, typed: str, near: str
) -> None:
    monkeypatch.setattr("sys.argv", ["results_experiments.py", "data=data", typed])
    with pytest.raises(SystemExit, match=near):
        results.main()
