import csv
import json
import math
import random
from pathlib import Path

import pytest
import torch
import yaml

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.nn.concat import Concat
from seqclf.nn.field_dropout import FieldDropout
from seqclf.nn.per_field import PerFieldSeq2VecEncoder
from seqclf.run.compose import compose
from seqclf.run.conf_path import conf_path
from seqclf.run.evaluate import evaluate
from seqclf.run.predict import predict
from seqclf.run.results import RunResult
from seqclf.run.train import train

QUICK = (
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "baselines=false",
    "data.batch_size=32",
    "embedder.buckets=500",
)
SMALL = ("data=synthetic", "data.records=200", *QUICK)


def choices(group: str) -> list[str]:
    files = sorted((conf_path() / group).glob("*.yaml"))
    return [file.stem for file in files if yaml.safe_load(file.read_text()).get("_target_", "") is not None]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*overrides: str) -> RunResult:
    return train(compose(*overrides))


def write_csv(path: Path, rows: int, seed: int, words: tuple[str, str] = ("good", "bad")) -> Path:
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "body", "label"])
        for _ in range(rows):
            label = generator.randrange(2)
            filler = " ".join(generator.choice(["the", "a", "one", "it", "so"]) for _ in range(generator.randint(0, 9)))
            writer.writerow([words[label] if generator.random() < 0.7 else "", f"{filler} {words[label]}", "pn"[label]])
    return path


@pytest.mark.parametrize(
    ("encoder", "multifield"),
    [
        *((encoder, "concat") for encoder in choices("encoder")),
        *(("bag", multifield) for multifield in [*choices("multifield"), "none"]),
    ],
)
def test_every_encoder_and_every_multifield_trains_a_step(encoder: str, multifield: str) -> None:
    result = run(f"encoder={encoder}", f"multifield={multifield}", *SMALL, "trainer=debug")
    assert result.metrics["steps"] == 2
    assert math.isfinite(result.metrics["validation/loss"])


def test_encoders_of_their_own_and_field_dropout_train_a_step() -> None:
    options = "multifield.separate_encoders=true", "multifield.field_dropout=0.5", "seq2seq=gru", "encoder=attention"
    result = run(*options, "multifield=concat", *SMALL, "trainer=debug")
    assert result.metrics["steps"] == 2
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert isinstance(model.seq2vec_encoder, PerFieldSeq2VecEncoder)
    assert isinstance(model.multifield_seq2seq_encoder, FieldDropout)
    assert isinstance(model.multifield_seq2vec_encoder, Concat)
    missing = model.predict([{model.vocab.fields[0]: "a text"}])[0]  # as it was left out in training
    assert sum(missing.probabilities.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("overrides", [(f"seq2seq={name}",) for name in choices("seq2seq")])
def test_every_seq2seq_trains_a_step_at_both_levels(overrides: tuple[str, ...]) -> None:
    above = overrides[0].replace("seq2seq", "multifield_seq2seq")
    result = run(*overrides, above, "multifield.field_embeddings=true", "feedforward=default", *SMALL, "trainer=debug")
    assert result.metrics["steps"] == 2


def test_a_run_leaves_what_it_promises(tmp_path: Path) -> None:
    train_file, test_file = write_csv(tmp_path / "train.csv", 300, 1), write_csv(tmp_path / "test.csv", 83, 2)
    result = run(
        "data=files",
        f"data.train={train_file}",
        f"data.test={test_file}",
        "data.text=[title,body]",
        "encoder=cnn",
        "multifield=bag",
        "trainer.max_epochs=5",
        "data.batch_size=16",
    )
    folder = result.run_dir
    assert {path.name for path in folder.iterdir()} >= {
        "metrics.json",
        "predictions.csv",
        "report.html",
        "checkpoints",
        "model",
        "history",
    }
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test/records"] == 83
    assert metrics["train/records"] == 270
    assert metrics["validation/records"] == 30
    assert metrics["test/accuracy"] > 0.9
    assert metrics["baseline/linear/accuracy"] > 0.9
    assert metrics["score"] == metrics["validation/accuracy"] == result.score
    assert {"baseline/majority/f1_macro", "test/f1/p", "test/auroc", "test/calibration_error", "versions"} <= set(
        metrics
    )
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    for name in ("best.ckpt", "last.ckpt"):
        assert "state_dict" in torch.load(folder / "checkpoints" / name, weights_only=True)
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with test_file.open(newline="", encoding="utf-8") as file:
        gold = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "row", "title", "body", "label", "prediction", "probability", "probability/n", "probability/p",
    ]  # fmt: skip
    assert [(row["title"], row["body"], row["label"]) for row in rows] == [
        (row["title"], row["body"], row["label"]) for row in gold
    ]
    assert [row["row"] for row in rows] == [str(number) for number in range(83)]
    right = sum(row["prediction"] == row["label"] for row in rows)
    assert right / 83 == pytest.approx(metrics["test/accuracy"])
    page = (folder / "report.html").read_text()
    assert "linear SVM" in page
    assert "src=" not in page
    assert "href=" not in page


def test_without_a_test_table_the_validation_records_are_predicted(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "train.csv", 200, 1)
    result = run("data=files", f"data.train={file}", *QUICK)
    with (result.run_dir / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == result.metrics["validation/records"] == 20
    right = sum(row["prediction"] == row["label"] for row in rows)
    assert right / 20 == pytest.approx(result.metrics["validation/accuracy"])
    assert "test/accuracy" not in result.metrics


def test_the_best_epoch_is_the_one_that_is_kept() -> None:
    result = run(*SMALL, "trainer.max_epochs=4", "encoder=lstm", "optimizer.lr=0.01")
    model = SequenceClassifier.from_pretrained(result.model_dir)
    with (result.run_dir / "history" / "metrics.csv").open() as file:
        scores = [float(row["validation/accuracy"]) for row in csv.DictReader(file) if row["validation/accuracy"]]
    assert result.score == pytest.approx(max(scores[:4]))
    best = torch.load(result.run_dir / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, best[name]), name


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        result = run(*SMALL, "encoder=lstm", f"seed={seed}")
        return SequenceClassifier.from_pretrained(result.model_dir).state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["projection.weight"], other["projection.weight"])


def test_a_run_leaves_the_process_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    run(*SMALL, "trainer.threads=1")
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_one_field_leaves_the_multifield_parts_out_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="seqclf"):
        result = run(*SMALL, "data.fields=1", "multifield=lstm")
    assert sum("multifield parts are left out" in message for message in caplog.messages) == 1
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.multifield_seq2vec_encoder is None


def test_multifield_none_joins_the_fields_and_predicts_alike(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "train.csv", 200, 1)
    result = run("data=files", f"data.train={file}", "multifield=none", "encoder=cnn", *QUICK)
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.vocab.join_fields
    assert len(model.predict([{"title": "good", "body": "it is bad"}])) == 1


def test_check_reads_everything_and_trains_nothing(tmp_path: Path) -> None:
    result = run(*SMALL, "check=true")
    assert math.isnan(result.score)
    assert not (tmp_path / "outputs").exists()


def test_class_weights_by_name_balanced_and_from_a_file(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "train.csv", 120, 1)
    data = ("data=files", f"data.train={file}", *QUICK, "trainer=debug")
    (tmp_path / "weights.json").write_text('{"p": 1.0, "n": 3.0}')
    for weights in ("{p: 1.0, n: 3.0}", "balanced", str(tmp_path / "weights.json")):
        assert math.isfinite(run(*data, f"loss.weights={weights}").metrics["validation/loss"])
    with pytest.raises(UserError, match="n"):
        run(*data, "loss.weights={p: 1.0}")


def test_an_unknown_monitor_is_said_before_training() -> None:
    with pytest.raises(UserError, match="validation/accuracy"):
        run(*SMALL, "monitor=validation/acuracy")


def test_a_saved_model_is_evaluated_and_predicts_files(tmp_path: Path) -> None:
    train_file, test_file = write_csv(tmp_path / "train.csv", 200, 1), write_csv(tmp_path / "test.csv", 61, 2)
    result = run("data=files", f"data.train={train_file}", f"data.test={test_file}", *QUICK)
    data = {"_target_": "seqclf.data.files.Files", "test": str(test_file)}
    figures = evaluate(str(result.model_dir), data, output=str(tmp_path / "figures.json"))
    for name, value in figures.items():
        assert value == pytest.approx(result.metrics[name], abs=1e-6), name
    assert json.loads((tmp_path / "figures.json").read_text()).keys() == figures.keys()
    assert predict(str(result.model_dir), str(test_file), str(tmp_path / "out.csv")) == 61
    assert (tmp_path / "out.csv").read_text() == (result.run_dir / "predictions.csv").read_text()
    assert predict(str(result.model_dir), str(test_file), str(tmp_path / "out.jsonl")) == 61
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first["probability/p"] + first["probability/n"] == pytest.approx(1, abs=1e-6)


def test_prediction_needs_no_label_and_no_other_columns(tmp_path: Path) -> None:
    result = run("data=files", f"data.train={write_csv(tmp_path / 'train.csv', 120, 1)}", *QUICK)
    (tmp_path / "new.csv").write_text("body,colour\nvery bad,red\n,\n")
    assert predict(str(result.model_dir), str(tmp_path / "new.csv"), str(tmp_path / "out.csv")) == 2
    (tmp_path / "none.csv").write_text("colour\nred\n")
    with pytest.raises(UserError, match="title"):
        predict(str(result.model_dir), str(tmp_path / "none.csv"), str(tmp_path / "other.csv"))
    assert not (tmp_path / "other.csv").exists()


@pytest.mark.slow
def test_an_lstm_learns_long_texts_early(tmp_path: Path) -> None:
    """3,000 records of 190 tokens in 20 classes: twice the majority after three epochs."""
    generator = random.Random(0)
    vocabulary = [f"w{number}" for number in range(4000)]
    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(3000):
            label = generator.randrange(20)
            words = [generator.choice(vocabulary) for _ in range(182)] + [f"topic{label}_{generator.randrange(5)}"] * 8
            generator.shuffle(words)
            writer.writerow([" ".join(words), f"class {label}"])
    result = run(
        "data=files",
        f"data.train={tmp_path / 'train.csv'}",
        "encoder=lstm",
        "trainer.max_epochs=3",
        "trainer.progress_bar=false",
    )
    assert result.metrics["validation/accuracy"] >= 2 * result.metrics["baseline/majority/accuracy"]


@pytest.mark.parametrize("precision", ["64", "bf16-true", "bf16-mixed", "16-mixed", "auto"])
@pytest.mark.parametrize("encoder", ["bag", "lstm"])
def test_every_precision_trains_and_is_counted(encoder: str, precision: str) -> None:
    metrics = run(*SMALL, f"encoder={encoder}", f"trainer.precision={precision}", "trainer=debug").metrics
    assert math.isfinite(metrics["train/loss"])
    assert metrics["train/loss"] > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's compiler warns of torch's own code
def test_compiled_kernels_train_and_keep_the_parameters_names() -> None:
    result = run(*SMALL, "encoder=cnn", "compile=true", "trainer=debug", "embedder.embedding_dim=16")
    names = [name for name, _ in SequenceClassifier.from_pretrained(result.model_dir).named_parameters()]
    assert "seq2vec_encoder.convolutions.0.weight" in names


def test_a_run_is_calibrated_and_says_what_that_changed(tmp_path: Path) -> None:
    result = run(*SMALL, "trainer.max_epochs=2", "multifield=bag")
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.temperature == result.metrics["temperature"] != 1.0
    for stage in ("validation", "test"):
        errors = [result.metrics[f"{stage}/calibration_error{end}"] for end in ("", "_scaled")]
        assert all(0 <= error <= 1 for error in errors)
        assert errors[0] != errors[1]
    with (result.run_dir / "predictions.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    record = {name: row[name] for name in model.vocab.fields}
    assert model.predict([record])[0].probability == pytest.approx(float(row["probability"]), abs=1e-5)
    predict(str(result.model_dir), str(result.run_dir / "predictions.csv"), str(tmp_path / "raw.csv"), calibrated=False)
    with (tmp_path / "raw.csv").open(newline="", encoding="utf-8") as file:
        raw = next(csv.DictReader(file))
    assert raw["prediction"] == row["prediction"]
    model.temperature = 1.0
    assert model.predict([record])[0].probability == pytest.approx(float(raw["probability"]), abs=1e-5)
