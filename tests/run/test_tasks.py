"""Every task from files to predictions, and what is said when the data are not what it reads."""

import csv
import json
import random
from pathlib import Path

import pytest

from seqclf import MultilabelClassifier, SequenceClassifier, SequencePairClassifier, SimilarityClassifier
from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.evaluate import evaluate
from seqclf.run.predict import predict
from seqclf.run.results import RunResult
from seqclf.run.train import train

QUICK = ("trainer.progress_bar=false", "data.batch_size=16", "embedder.buckets=200")
WORDS = [f"word{number}" for number in range(12)]
NAMES = ("task.same=word1", "data.label=left_name")
PAIR = ("data.left=[left_name,left_place]", "data.right=[right_name,right_place]")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*overrides: str) -> RunResult:
    return train(compose("data=files", *QUICK, *overrides))


def write_pairs(path: Path, rows: int, seed: int) -> Path:
    """Two names and two places; the pair is the same where both names are."""
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["left_name", "left_place", "right_name", "right_place", "extra", "label"])
        for _ in range(rows):
            left = generator.choice(WORDS)
            right = left if generator.random() < 0.5 else generator.choice([word for word in WORDS if word != left])
            places = [generator.choice(["", "here", "there"]) for _ in range(2)]
            writer.writerow([left, places[0], right, places[1], "x", "same" if left == right else "other"])
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_saved(result: RunResult, test_file: Path, folder: Path) -> SequenceClassifier:
    """A saved model gives the run's own figures and predictions again."""
    figures = evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": str(test_file)})
    for name, value in figures.items():
        assert value == pytest.approx(result.metrics[name], abs=1e-6), name
    assert {name for name in result.metrics if name.startswith("test/")} == set(figures)
    predict(str(result.model_dir), str(test_file), str(folder / "again.csv"))
    assert (folder / "again.csv").read_text() == (result.run_dir / "predictions.csv").read_text()
    return SequenceClassifier.from_pretrained(result.model_dir)


@pytest.mark.parametrize("multifield", ["concat", "none"])
def test_pairs_from_files_to_predictions(tmp_path: Path, caplog: pytest.LogCaptureFixture, multifield: str) -> None:
    caplog.set_level("INFO", "seqclf")
    train_file, test_file = write_pairs(tmp_path / "train.csv", 400, 1), write_pairs(tmp_path / "test.csv", 53, 2)
    result = run(
        f"data.train={train_file}",
        f"data.test={test_file}",
        "task=pair",
        *PAIR,
        f"multifield={multifield}",
        "metrics.top_k=[1,2]",
        "trainer.max_epochs=8",
    )
    metrics = json.loads((result.run_dir / "metrics.json").read_text())
    assert metrics["train/records"] == 360
    assert metrics["test/records"] == 53
    assert metrics["test/f1/same"] > 0.9  # which no linear model of the words can
    assert metrics["monitor"] == "validation/f1_macro"
    assert metrics["test/auroc"] > 0.9
    assert metrics["test/accuracy_top1"] == pytest.approx(metrics["test/accuracy"], abs=1e-6)
    assert metrics["test/accuracy_top2"] == 1
    assert "baseline/linear/f1_macro" in metrics
    rows, gold = rows_of(result.run_dir / "predictions.csv"), rows_of(test_file)
    columns = ["left_name", "left_place", "right_name", "right_place", "label"]
    assert list(rows[0])[:6] == ["row", *columns]
    assert [[row[name] for name in columns] for row in rows] == [[row[name] for name in columns] for row in gold]
    model = check_saved(result, test_file, tmp_path)
    assert isinstance(model, SequencePairClassifier)
    assert caplog.messages.count("SequencePairClassifier has no wide term: `wide` is left out.") == 1
    assert model.vocab.fields == ("name", "place")
    assert model.combine == "full"
    found = model.predict([{name: row[name] for name in columns[:4]} for row in gold])
    assert [prediction.label for prediction in found] == [row["prediction"] for row in rows]


def test_similarity_from_files_to_predictions(tmp_path: Path) -> None:
    train_file, test_file = write_pairs(tmp_path / "train.csv", 400, 1), write_pairs(tmp_path / "test.csv", 53, 2)
    typed = ("task=similarity", "task.same=same", *PAIR, "trainer.max_epochs=6", "baselines=false")
    result = run(f"data.train={train_file}", f"data.test={test_file}", *typed)
    assert result.metrics["test/f1/same"] > 0.9
    assert result.metrics["monitor"] == "validation/f1_macro"
    model = check_saved(result, test_file, tmp_path)  # the loss with its two parts, too
    assert isinstance(model, SimilarityClassifier)
    assert (model.verification_weight, model.margin, model.output_classes[model.same]) == (2.0, 0.5, "same")
    same, other = model.predict([(["word1", ""], ["word1", ""]), (["word1", ""], ["word2", ""])])
    assert (same.label, other.label) == ("same", "other")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("task=similarity", *PAIR), r"task\.same must say.*other or same"),
        (("task=similarity", *PAIR, "task.same=sam"), "Did you mean 'same'"),
        (("task=similarity", *NAMES, "data.left=[left_place]", "data.right=[right_place]"), r"but there are 1[0-3]: "),
        (("task=similarity", "task.same=same"), r"data\.left=\[\.\.\.\] data\.right"),
    ],
)
def test_similarities_that_make_no_sense_are_refused(tmp_path: Path, overrides: tuple[str, ...], message: str) -> None:
    with write_pairs(tmp_path / "train.csv", 40, 1).open("a") as file:
        file.write("a,b,c,d,x,same\n")
    with pytest.raises(UserError, match=message):
        run("data.train=train.csv", *overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("task=pair",), r"data\.left=\[\.\.\.\] data\.right"),
        (("task=pair", PAIR[0]), r"data\.right is missing"),
        (PAIR, "task=pair"),
        (("task=pair", *PAIR, "data.text=[extra]"), r"data\.text is typed beside"),
        (("task=pair", PAIR[0], "data.right=[right_name]"), r"data\.left has 2 columns and data\.right 1"),
        (("task=pair", *PAIR, "task.combine=fulll"), "concat, full or symmetric"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(tmp_path: Path, overrides: tuple[str, ...], message: str) -> None:
    write_pairs(tmp_path / "train.csv", 40, 1)
    with pytest.raises(UserError, match=message):
        run("data.train=train.csv", *overrides)


def test_a_file_without_one_side_cannot_be_predicted(tmp_path: Path) -> None:
    train_file = write_pairs(tmp_path / "train.csv", 60, 1)
    result = run(f"data.train={train_file}", "task=pair", *PAIR, "baselines=false", "trainer=debug")
    (tmp_path / "half.csv").write_text("left_name,left_place\na,b\n")
    with pytest.raises(UserError, match=r"none of the model's columns \('right_name', 'right_place'\)"):
        predict(str(result.model_dir), "half.csv", "out.csv")
    (tmp_path / "some.csv").write_text("left_name,right_name\na,b\n")
    assert predict(str(result.model_dir), "some.csv", "out.csv") == 1


TOPICS = {"red": "crimson", "green": "leaf", "blue": "sky"}


def topics(rows: int, seed: int) -> list[tuple[str, list[str]]]:
    """Texts with a word for each of their labels; some have no label."""
    generator = random.Random(seed)
    found = []
    for _ in range(rows):
        labels = [label for label in TOPICS if generator.random() < 0.4]
        words = [TOPICS[label] for label in labels] + generator.choices(["the", "a", "one"], k=3)
        generator.shuffle(words)
        found.append((" ".join(words), labels))
    return found


def write_topics(path: Path, rows: int, seed: int, separator: str = "|") -> Path:
    if path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": labels}) for text, labels in topics(rows, seed)]
        path.write_text("\n".join(lines))
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([text, separator.join(labels)] for text, labels in topics(rows, seed))
    return path


@pytest.mark.parametrize(("ending", "separator"), [("csv", ";"), ("jsonl", "|")])
def test_several_labels_from_files_to_predictions(tmp_path: Path, ending: str, separator: str) -> None:
    train_file = write_topics(tmp_path / f"train.{ending}", 300, 1, separator)
    test_file = write_topics(tmp_path / f"test.{ending}", 47, 2, separator)
    typed = () if separator == "|" else (f"data.label_separator={separator!r}",)
    typed += ("metrics.beta=2", "monitor=validation/fbeta_micro")
    result = run(
        f"data.train={train_file}", f"data.test={test_file}", "task=multilabel", "trainer.max_epochs=8", *typed
    )
    metrics = json.loads((result.run_dir / "metrics.json").read_text())
    assert metrics["monitor"] == "validation/fbeta_micro"
    assert metrics["train/records"] == 270
    assert metrics["test/records"] == 47
    assert metrics["test/f1_micro"] > 0.9
    assert metrics["test/auroc"] > 0.9
    assert 0.8 < metrics["test/fbeta/red"] <= 1
    assert metrics["baseline/linear/f1_micro"] > 0.9
    assert metrics["baseline/majority/f1_micro"] < 0.9
    rows = rows_of(result.run_dir / "predictions.csv")
    names = ["probability/blue", "probability/green", "probability/red"]
    assert list(rows[0]) == ["row", "text", "label", "prediction", "probability", *names]
    assert [row["label"].split(separator) if row["label"] else [] for row in rows] == [
        labels for _, labels in topics(47, 2)
    ]
    exact = sum(set(row["prediction"].split(separator)) == set(row["label"].split(separator)) for row in rows)
    assert exact / 47 == pytest.approx(metrics["test/accuracy"])
    model = check_saved(result, test_file, tmp_path)
    assert isinstance(model, MultilabelClassifier)
    assert model.wide is not None
    assert model.wide.documents == 270
    assert model.vocab.label_separator == separator
    found = model.predict([row["text"] for row in rows])
    assert [prediction.label for prediction in found] == [row["prediction"] for row in rows]
    gold = [labels for _, labels in topics(47, 2)]
    assert model.evaluate([row["text"] for row in rows], gold)["f1_micro"] == pytest.approx(metrics["test/f1_micro"])
    model.extend_labels(["grey"])
    assert model.predict(["sky"])[0].probabilities.keys() == {"red", "green", "blue", "grey"}


def test_labels_that_training_did_not_have_are_wrong_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    train_file = write_topics(tmp_path / "train.csv", 60, 1)
    (tmp_path / "test.csv").write_text("text,label\nsky,blue|grey\ncrimson,red\nthe,\n")
    result = run(f"data.train={train_file}", "data.test=test.csv", "task=multilabel", "trainer=debug")
    assert "'grey' (1)" in " ".join(caplog.messages)
    figures = evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": "test.csv"})
    assert figures["test/records"] == 3
    assert figures["test/accuracy"] <= 2 / 3
    assert "grey (1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("task=multilabel", "loss=cross_entropy"), "type loss=binary_cross_entropy"),
        (("loss=binary_cross_entropy", "data.label=text", "data.text=[label]"), "type loss=cross_entropy"),
        (("task=multilabel", "data.label_separator=''"), r"data\.label_separator is empty"),
        (("task=multilabel", "monitor=validation/calibration_error"), "validation/"),
    ],
)
def test_mistakes_of_several_labels_are_refused(tmp_path: Path, overrides: tuple[str, ...], message: str) -> None:
    write_topics(tmp_path / "train.csv", 60, 1)
    with pytest.raises(UserError, match=message):
        run("data.train=train.csv", *overrides)


def test_lists_where_there_should_be_one_label_or_one_text_are_refused(tmp_path: Path) -> None:
    write_topics(tmp_path / "train.jsonl", 60, 1)
    with pytest.raises(UserError, match=r"train\.jsonl, line 1, column 'label': the label is a list.*task=multilabel"):
        run("data.train=train.jsonl")
    with pytest.raises(UserError, match=r"'label'.*nested"):
        run("data.train=train.jsonl", "data.label=text", "data.text=[label]")


def test_without_any_label_there_is_nothing_to_learn(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n" + "a,\nb,\n" * 20)
    with pytest.raises(UserError, match="no record has a label"):
        run("data.train=train.csv", "task=multilabel")


def test_only_the_columns_of_the_model_are_read_at_prediction(tmp_path: Path) -> None:
    result = run(f"data.train={write_topics(tmp_path / 'train.jsonl', 60, 1)}", "task=multilabel", "baselines=false")
    lines = [{"text": text, "topics": labels} for text, labels in topics(30, 2)]
    lines[7]["more"] = ["of", "no", "concern"]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert predict(str(result.model_dir), "new.jsonl", "out.csv") == 30
    assert [row["text"] for row in rows_of(tmp_path / "out.csv")] == [text for text, _ in topics(30, 2)]
    source = {"_target_": "seqclf.data.files.Files", "test": "new.jsonl", "label": "topics"}
    assert evaluate(str(result.model_dir), source)["test/records"] == 30


def test_a_file_of_unknown_labels_alone_is_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_text("text,label\n" + "good,pos\nbad,neg\n" * 20)
    (tmp_path / "test.csv").write_text("text,label\ngood,great\nbad,awful\n")
    result = run("data.train=train.csv", "trainer=debug", "baselines=false")
    figures = evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": "test.csv"})
    assert (figures["test/records"], figures["test/accuracy"]) == (2, 0)
    assert "great (1), awful (1)" in capsys.readouterr().out


def test_other_columns_than_those_of_the_model_are_refused_at_evaluation(tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "train.csv", 40, 1)
    result = run(f"data.train={file}", *PAIR, "task=pair", "trainer=debug", "baselines=false")
    source = {"_target_": "seqclf.data.files.Files", "test": str(file)}
    left, right = ["left_name", "left_place"], ["right_name", "right_place"]
    assert evaluate(str(result.model_dir), {**source, "left": left, "right": right})["test/records"] == 40
    for columns in ({"left": right, "right": left}, {"text": ["extra"]}):
        with pytest.raises(UserError, match=r"^data\.\w+.*'left_name', 'left_place', 'right_name', 'right_place'"):
            evaluate(str(result.model_dir), {**source, **columns})
