"""Predictions for a folder of files."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference import pieces_folder, predict_table
from seqclf.run.compose import compose, plain
from seqclf.run.predict import predict
from seqclf.run.ray_cluster import ray_module
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
SIZES = {"b.parquet": 5, "a.parquet": 7, "c.jsonl": 2, "d.tsv": 3}
WRITTEN = {"a.parquet": 7, "b.parquet": 5, "c.jsonl": 2, "d.tsv.csv": 3}


def texts(name: str) -> list[str]:
    return [f"{name} {'good' if number % 3 else 'bad'} {number}" for number in range(SIZES[name])]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(text for name in SIZES for text in texts(name)), ["ham", "spam"], ["text"])
    built: SequenceClassifier = build_classifier(plain(compose("embedder.buckets=50", "encoder=lstm")), vocab)
    return str(built.save_pretrained(tmp_path_factory.mktemp("saved") / "model"))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    parquet.write_table(pa.table({"text": texts("a.parquet")}), folder / "a.parquet")
    parquet.write_table(pa.table({"text": texts("b.parquet")}), folder / "b.parquet")
    (folder / "c.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts("c.jsonl")))
    (folder / "d.tsv").write_text("text\n" + "\n".join(texts("d.tsv")))
    for other in ("_SUCCESS", "_metadata.parquet", ".hidden.csv", "notes.md"):
        (folder / other).touch()
    return folder


def call(model: str, source: Path, output: Path, **options: Any) -> int:
    return predict(model, str(source), str(output), threads=1, **options)


def held(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name[0] != "_"}


def test_each_file_of_a_folder_is_predicted_as_it_is_alone(model: str, shards: Path, tmp_path: Path) -> None:
    output, alone = tmp_path / "out", tmp_path / "alone"
    assert call(model, shards, output) == sum(SIZES.values())
    for source, target in zip(sorted(SIZES), sorted(WRITTEN), strict=True):
        call(model, shards / source, alone / target)
    assert held(output) == held(alone)
    rows = parquet.read_table(output / "a.parquet").to_pydict()
    assert rows["row"] == list(range(7))
    assert rows["text"] == texts("a.parquet")


def test_what_is_predicted_is_passed_over_and_what_was_begun_gone_on_with(
    model: str, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole", tmp_path / "out"
    call(model, shards, whole)
    monkeypatch.setattr(predict_table, "PIECE", 2)
    real, seen = pieces_folder.writing, 0

    def killed(*arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 7:  # in the second file, which has 3 pieces; the first has 4
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(pieces_folder, "writing", killed)
    with pytest.raises(KeyboardInterrupt):
        call(model, shards, output, resume=True)
    assert held_names(output) == {"a.parquet", "b.parquet.pieces"}
    assert call(model, shards, output, resume=True) == sum(SIZES.values()) - SIZES["a.parquet"] - 4
    assert held_names(output) == set(WRITTEN)
    for name, size in WRITTEN.items():
        if name.endswith("parquet"):  # other row groups
            ours, theirs = parquet.read_table(output / name), parquet.read_table(whole / name)
            assert ours["text"] == theirs["text"]
            assert ours["row"].to_pylist() == list(range(size))
    (output / "b.parquet").unlink()
    assert call(model, shards, output, resume=True) == SIZES["b.parquet"]
    assert call(model, shards, output, resume=True) == 0


def held_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.name[0] != "_"}


def test_other_predictions_are_not_mixed_with_these(model: str, shards: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    call(model, shards, output)
    before = held(output)
    with pytest.raises(UserError, match="holds predictions already"):
        call(model, shards, output)
    with pytest.raises(UserError, match=r"abstain, top_k changed since"):
        call(model, shards, output, resume=True, abstain=0.9, top_k=1)
    (shards / "d.tsv").write_text("text\nanother")
    with pytest.raises(UserError, match=r"d\.tsv changed since"):
        call(model, shards, output, resume=True)
    assert held(output) == before
    (output / "_settings.json").write_text("{")
    with pytest.raises(UserError, match="nothing says what the folder holds"):
        call(model, shards, output, resume=True)


def test_what_cannot_be_done_with_a_folder_is_refused(model: str, shards: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no file of records"):
        call(model, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UserError, match="is for a folder of files"):
        call(model, shards / "a.parquet", tmp_path / "out.csv", engine="ray")
    with pytest.raises(UserError, match="output=FOLDER"):
        predict(model, str(shards), "-")
    (shards / "d.tsv.csv").write_text("text\nx\n")
    with pytest.raises(UserError, match=r"would both be d\.tsv\.csv"):
        call(model, shards, tmp_path / "out")


def test_a_library_that_is_not_there_is_said_with_its_extra() -> None:
    with pytest.raises(UserError, match=r"pip install 'seqclf\[ray\]'"):
        ray_module("ray.there_is_no_such_module")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_predicts_as_this_process_does(model: str, shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    here, there = tmp_path / "here", tmp_path / "there"
    call(model, shards, here)
    assert call(model, shards, there, engine="ray") == sum(SIZES.values())
    assert held(there) == held(here)
    (there / "b.parquet").unlink()
    (shards / "b.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match=r"b\.parquet"):
        call(model, shards, tmp_path / "other", engine="ray")
    assert held_names(tmp_path / "other") == {"a.parquet", "c.jsonl", "d.tsv.csv"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ctrl_c_ends_ray_too(model: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    folder, output = tmp_path / "shards", tmp_path / "out"
    folder.mkdir()
    for number in range(4):
        parquet.write_table(pa.table({"text": ["word " * 50] * 20_000}), folder / f"{number}.parquet")
    typed = [f"model={model}", f"input={folder}", f"output={output}", "engine=ray", "resume=true"]
    command = [sys.executable, str(ROOT / "scripts" / "predict.py"), *typed]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(output.glob("*.pieces/0*")):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
