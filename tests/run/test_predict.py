"""Predictions for files and pipes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow import parquet

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference import predict_table
from seqclf.run.compose import compose, plain
from seqclf.run.predict import predict
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
TEXTS = [f"{'good' if row % 3 else 'bad'} thing {row} " + "word " * (row % 7) for row in range(50)]
LABELS = ["ham", "spam", "eggs"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(TEXTS), LABELS, ["title", "body"])
    built: SequenceClassifier = build_classifier(plain(compose("embedder.buckets=50", "encoder=lstm")), vocab)
    return built.save_pretrained(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    file = tmp_path / "records.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["title", "body"], *([text, text.upper()] for text in TEXTS)])
    return file


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def call(model: Path, source: Path, output: Path, **options: Any) -> Path:
    predict(str(model), str(source), str(output), threads=1, **options)
    return output


def test_csv_jsonl_and_parquet_hold_the_same(model: Path, records: Path, tmp_path: Path) -> None:
    as_csv = read_csv(call(model, records, tmp_path / "a.csv").read_text())
    as_json = [json.loads(line) for line in call(model, records, tmp_path / "a.jsonl").read_text().splitlines()]
    table = parquet.read_table(call(model, records, tmp_path / "a.parquet"))
    assert table.to_pylist() == as_json
    assert [{name: type(value) for name, value in row.items()} for row in as_json[:1]] == [
        {"row": int, "title": str, "body": str, "prediction": str, "probability": float}
        | {f"probability/{label}": float for label in LABELS}
    ]
    assert list(as_csv[0]) == list(as_json[0]) == table.column_names
    expected = SequenceClassifier.from_pretrained(model).predict([{"title": text, "body": text} for text in TEXTS])
    for number, (row, other, prediction) in enumerate(zip(as_csv, as_json, expected, strict=True)):
        assert (int(row["row"]), row["title"], row["prediction"]) == (number, TEXTS[number], prediction.label)
        for label, chance in prediction.probabilities.items():
            assert other[f"probability/{label}"] == pytest.approx(chance, abs=1e-6)
            assert float(row[f"probability/{label}"]) == pytest.approx(chance, abs=1e-6)


def test_top_k_and_silence_in_a_file(model: Path, records: Path, tmp_path: Path) -> None:
    plain_rows = read_csv(call(model, records, tmp_path / "all.csv").read_text())
    limit = sorted(float(row["probability"]) for row in plain_rows)[25]
    rows = read_csv(call(model, records, tmp_path / "some.csv", top_k=2, abstain=limit).read_text())
    assert list(rows[0])[3:] == [
        "prediction",
        "probability",
        "rank1",
        "rank1/probability",
        "rank2",
        "rank2/probability",
    ]
    for row, whole in zip(rows, plain_rows, strict=True):
        assert row["rank1"] == whole["prediction"]
        assert row["rank1/probability"] == whole["probability"] == whole[f"probability/{row['rank1']}"]
        assert row["rank2/probability"] == whole[f"probability/{row['rank2']}"]
    assert 0 < sum(row["prediction"] == "" for row in rows) <= 25


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_predictions_that_were_interrupted_go_on(
    model: Path, records: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_table, "PIECE", 8)
    whole = call(model, records, tmp_path / f"whole{ending}").read_bytes()
    output = tmp_path / f"resumed{ending}"
    asked: list[int] = []
    real = predict_table.probabilities

    def stops(model: Any, texts: Any) -> Any:
        asked.append(len(texts))
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(model, texts)

    monkeypatch.setattr(predict_table, "probabilities", stops)
    with pytest.raises(KeyboardInterrupt):
        call(model, records, output, resume=True)
    assert not output.exists()
    call(model, records, output, resume=True)
    assert sum(asked) == 8 * 4 + 50 - 8 * 3  # nothing but the piece that was lost was predicted twice
    if ending == ".parquet":
        assert parquet.read_table(output) == parquet.read_table(tmp_path / f"whole{ending}")
    else:
        assert output.read_bytes() == whole
    assert [file.name for file in tmp_path.glob("*.pieces")] == []


def test_the_pieces_of_other_predictions_are_refused(
    model: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(model: Any, texts: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_table, "probabilities", stops)
    with pytest.raises(KeyboardInterrupt):
        call(model, records, tmp_path / "out.csv", resume=True)
    with pytest.raises(UserError, match=r"out\.csv\.pieces holds a part of other predictions: abstain changed"):
        call(model, records, tmp_path / "out.csv", resume=True, abstain=0.5)
    with records.open("a") as file:
        file.write("one,more\n")
    with pytest.raises(UserError, match="input changed"):
        call(model, records, tmp_path / "out.csv", resume=True)


def pipe(*arguments: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "scripts" / "predict.py"), *arguments, "threads=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=given, capture_output=True, env=environment, check=False, timeout=300)


@pytest.mark.slow
def test_records_come_through_a_pipe_and_go_into_one(model: Path, records: Path, tmp_path: Path) -> None:
    done = pipe(f"model={model}", "input=-", "output=-", given=records.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == call(model, records, tmp_path / "out.csv").read_bytes()
    lines = b"".join(json.dumps({"title": text, "body": None}).encode() + b"\n" for text in TEXTS[:3]) + b'{"title"\n'
    done = pipe(f"model={model}", "input=-", "output=-", "format=jsonl", given=lines)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: standard input, line 4, ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "out.txt"}, "predictions are written as .csv or .jsonl or .parquet, not '.txt'"),
        ({"input": "-", "resume": True}, "resume=true needs files"),
        ({"format": "jsonl"}, "format=jsonl is for standard input and output"),
        ({"thresholds": {"spma": 0.5}}, "Did you mean 'spam'?"),
    ],
)
def test_what_cannot_be_done_is_said(
    model: Path, records: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    arguments = {"model": str(model), "input": str(records), "output": str(tmp_path / "out.csv"), **options}
    with pytest.raises(UserError) as error:
        predict(**arguments)
    assert message in str(error.value)
    assert list(tmp_path.glob("out*")) == []
