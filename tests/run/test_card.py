"""README.md of a model folder, read as the Hugging Face hub reads it."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.inference.model_card import PLACE, cell, markdown_table
from seqclf.run.compose import compose
from seqclf.run.results import RunResult
from seqclf.run.train import train
from tests.backbones import make_backbone
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


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def read(markdown: str) -> tuple[list[str], str]:
    """What kinds of things a reader of markdown finds, and the text of all of them."""
    tokens = list(flat(MARKDOWN.parse(markdown)))
    return [token.type for token in tokens], "".join(token.content for token in tokens if token.type == "text")


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8")) | st.text(r"-+=1.)#>*_`~|[](){}!<>&;:/\\ a" + "\n\t"))
@example("<script>alert(1)</script>")
@example("---\nlicense: mit\n---")
@example("[a](http://b) ![c](d) <http://e> `f` ~~g~~ **h** &amp; | i")
@example("1. one")
def test_a_name_is_only_itself_in_a_card(name: str) -> None:
    wanted = "".join(each if each.isprintable() else "\ufffd" for each in " ".join(name.split())) or "(nothing)"
    assert read(f"- {cell(name)}\n") == (read("- a\n")[0], wanted)
    row = markdown_table(("a", "b"), [(cell(name), 1)])
    assert read(row) == (read(markdown_table(("a", "b"), [("a", 1)]))[0], f"ab{wanted}1")


HOSTILE = "---\nlicense: mit\n# x <img src=http://x> ```"


@pytest.mark.parametrize(
    "overrides",
    [
        ["wide=ngrams"],
        pytest.param(["task=multilabel"], marks=pytest.mark.slow),
        pytest.param(["task=pair", "data.left=[one]", "data.right=[two]", "multifield=none"], marks=pytest.mark.slow),
        pytest.param(
            ["task=similarity", "data.left=[one]", "data.right=[two]", "task.same=same", "multifield=none"],
            marks=pytest.mark.slow,
        ),
        pytest.param(["embedder=pretrained", "encoder=cls_pooler", "data.batch_size=8"], marks=pytest.mark.slow),
    ],
    ids=["wide", "multilabel", "pair", "similarity", "pretrained"],
)
def test_every_kind_of_model_has_a_card_that_hostile_names_do_not_harm(overrides: list[str], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from seqclf import train  # with tables in memory

    several = "task=multilabel" in overrides
    labels = ["other", "same"] if "task=similarity" in overrides else ["0", HOSTILE, "null"]
    generator = random.Random(0)
    drawn = [generator.choice(labels) for _ in range(60)]
    table = pandas.DataFrame({"one": drawn, "two": drawn[::-1], HOSTILE: drawn, "label": drawn})
    if several:
        table["label"] = [[label, labels[0]] for label in drawn]
    if "embedder=pretrained" in overrides:
        overrides = [*overrides, f"embedder.model={make_backbone(tmp_path / 'backbone')}"]
    quick = ("trainer.max_epochs=1", "trainer.progress_bar=false", "trainer.accelerator=cpu")
    result = train(compose("data=memory", *quick, *overrides), folder=tmp_path / "run", train=table)
    text = (result.model_dir / "README.md").read_text()
    _, block, body = text.split("---\n", 2)
    front = yaml.safe_load(block)
    assert ModelCard(text).data.to_dict()["model-index"] == front["model-index"]
    assert set(front) == {"library_name", "pipeline_tag", "tags", "metrics", "model-index"}
    assert ("multi-label" in front["tags"]) == several
    assert ("text-pair" in front["tags"]) == any(each.startswith("data.left") for each in overrides)
    kinds = [token for token in flat(MARKDOWN.parse(body)) if token.type != "text"]
    assert not {token.type for token in kinds} & {"html_block", "html_inline", "image", "link_open", "hr"}
    headings = [kinds[at + 1].content for at, token in enumerate(kinds) if token.type == "heading_open"]
    assert headings == ["A text classifier", "Data", "Scores", "Classes", "Limits"]
    assert "README.md" not in json.loads((result.model_dir / "manifest.json").read_text())
    told = SequenceClassifier.from_pretrained(result.model_dir)
    assert told.card == text
