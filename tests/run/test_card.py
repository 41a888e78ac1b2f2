"""README.md of a model folder, read as the Hugging Face hub reads it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.inference.model_card import PLACE
from seqclf.run.compose import compose
from seqclf.run.results import RunResult
from seqclf.run.train import train
from tests.inference.test_model_folder import build

LABELS = ("spam | junk", "<ham>", "neither\nof them")
MAJORITY = "baseline/majority"
WORDS = ("money", "lunch", "strange")


def classes(rows: int) -> list[int]:
    """One in seven is labelled wrongly, more or less."""
    return [row % 3 if row % 7 else 0 for row in range(rows)]


def write_records(file: Path, rows: int) -> Path:
    records = [
        {
            "title": f"{WORDS[row % 3]} {row}",
            "body": "win" if row % 2 else "",
            "label": LABELS[row % 3 if row % 7 else 0],
        }
        for row in range(rows)
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("somewhere_private")
    files = [f"data.train={write_records(folder / 'secret_train.jsonl', 120)}"]
    files.append(f"data.test={write_records(folder / 'secret_test.jsonl', 60)}")
    small = "trainer.max_epochs=2", "trainer.progress_bar=false", "embedder.buckets=50", "data.batch_size=16"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return train(compose("data=files", *files, *small))


def rows_of(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table under a heading, by their first cell."""
    lines = text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    cells = [line.replace(r"\|", "\0").strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return {row[0].replace("\0", "|"): row[1:] for row in cells[2:]}


def test_the_hub_reads_the_figures_of_the_run(result: RunResult) -> None:
    card = ModelCard.load(result.model_dir / "README.md")
    data = card.data.to_dict()
    assert (data["library_name"], data["pipeline_tag"]) == ("seqclf", "text-classification")
    _, results = model_index_to_eval_results(yaml.safe_load(card.content.split("---")[1])["model-index"])
    found = {each.metric_name: each.metric_value for each in results}
    names = ("accuracy", "f1_macro", "f1_weighted")
    assert found == {name: pytest.approx(result.metrics[f"test/{name}"], abs=5e-5) for name in names}
    assert {(each.task_type, each.dataset_split) for each in results} == {("text-classification", "test")}


def test_scores_stand_beside_the_baselines_with_intervals(result: RunResult) -> None:
    rows = rows_of((result.model_dir / "README.md").read_text(), "Scores")
    named = {
        "this model, test": "test",
        "linear SVM on TF-IDF": "baseline/linear",
        "majority class": "baseline/majority",
    }
    assert list(rows) == list(named)
    for title, prefix in named.items():
        value, low, high = (float(part.strip("[],")) for part in rows[title][0].split())
        assert value == pytest.approx(result.metrics[f"{prefix}/accuracy"], abs=5e-5)
        assert low <= value <= high
        assert low < high or value in (0, 1)


def test_classes_have_their_support(result: RunResult) -> None:
    text = (result.model_dir / "README.md").read_text()
    learned, tested = classes(120), classes(60)
    rows = rows_of(text, "Classes")
    assert set(rows) == {"spam | junk", "&lt;ham&gt;", "neither of them"}
    assert int(rows["spam | junk"][1]) == tested.count(0)
    total = sum(int(row[0]) for row in rows.values())  # without those that the epoch was chosen by
    assert total == int(rows_of(text, "Data")["training"][0]) < len(learned)


def test_limits_say_what_is_known(result: RunResult) -> None:
    limits = (result.model_dir / "README.md").read_text().partition("## Limits")[2]
    assert "a record of none of them is given one all the same" in limits
    assert "Fewer than 30 test records" in limits
    linear, own = (result.metrics[f"{name}/accuracy"] for name in ("baseline/linear", "test"))
    assert ("A linear SVM on TF-IDF is as good as this model, or better" in limits) == (linear >= own)


def test_nothing_of_the_machine_is_in_it(result: RunResult) -> None:
    text = (result.model_dir / "README.md").read_text()
    assert not [word for word in ("secret", "somewhere_private", str(Path.home())) if word in text]


def test_the_way_to_load_it_works(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (result.model_dir / "README.md").read_text()
    assert text.count(PLACE) == 2  # the name of the results, and here
    code = text.partition("```python\n")[2].partition("```")[0]
    told: dict[str, object] = {}
    exec(code.replace(PLACE, str(result.model_dir)), told)
    assert isinstance(told["model"], SequenceClassifier)
    assert '{"title": "...", "body": "..."}' in code


def test_the_card_goes_with_the_model_until_it_is_trained_further(result: RunResult, tmp_path: Path) -> None:
    text = (result.model_dir / "README.md").read_text()
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert (model.save_pretrained(tmp_path / "again") / "README.md").read_text() == text
    model.on_fit_start()
    assert "## Scores" not in (model.save_pretrained(tmp_path / "trained") / "README.md").read_text()


def test_a_folder_without_a_card_or_with_one_of_the_users_own_is_as_good(result: RunResult, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(result.model_dir, tmp_path / "model"))
    (folder / "README.md").write_text("# My own\n")
    assert SequenceClassifier.from_pretrained(folder).card == "# My own\n"
    (folder / "README.md").unlink()
    assert SequenceClassifier.from_pretrained(folder).card is None


def test_a_model_that_no_run_measured_names_its_classes(tmp_path: Path) -> None:
    folder = build().save_pretrained(tmp_path / "model")
    card = ModelCard.load(folder / "README.md")
    assert card.data.to_dict()["pipeline_tag"] == "text-classification"
    assert "## Classes\n\n- ham\n- spam\n" in card.content
