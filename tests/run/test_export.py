"""Exported files give what the model gives."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference import export as exporters
from seqclf.run.compose import compose, plain
from seqclf.run.export import export
from seqclf.text.characters import Characters
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
TEXTS = ["win money now", "see you at lunch", "a strange thing, is it not?"]
LABELS = ["ham", "spam", "eggs"]
ENCODERS = sorted(path.stem for path in (ROOT / "conf" / "encoder").glob("*.yaml"))
SEQ2SEQS = sorted(
    path.stem for path in (ROOT / "conf" / "seq2seq").glob("*.yaml") if path.stem not in ("none", "chain")
)
MULTIFIELDS = sorted(path.stem for path in (ROOT / "conf" / "multifield").glob("*.yaml") if path.stem != "none")


def saved(folder: Path, *overrides: str, fields: tuple[str, ...] = ("title", "body", "more")) -> Path:
    torch.manual_seed(0)
    columns = [f"{side}_{name}" for side in ("l", "r") for name in fields] if "task=pair" in overrides else None
    tokenizer, words = Tokenization().train(TEXTS), dict.fromkeys(["win", "money", "now", "see", "you"], 1)
    inside = {"characters": Characters.fit(words)} if "embedder=characters" in overrides else None
    vocab = Vocabulary(tokenizer, LABELS, fields, "multifield=none" in overrides, columns, inside)
    model: SequenceClassifier = build_classifier(plain(compose(*overrides)), vocab)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    if model.wide is not None:  # as if it had counted
        model.wide.document_frequency.copy_(torch.randint(0, 5, model.wide.document_frequency.shape))
        model.wide.documents.fill_(9)
    return model.save_pretrained(folder / "model")


@pytest.mark.parametrize(
    "overrides",
    [
        ("encoder=lstm", "multifield=attention"),
        pytest.param(
            ("encoder=bag", "multifield=concat", "embedder.buckets=50", "wide.buckets=50"), marks=pytest.mark.slow
        ),
    ],
    ids=["lstm", "bag and wide"],
)
def test_the_example_reads_an_exported_file_without_seqclf(overrides: tuple[str, ...], tmp_path: Path) -> None:
    model = saved(tmp_path, *overrides)
    assert export(str(model), str(tmp_path / "model.onnx"), threads=1) < 1e-5
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), flags=re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    for texts in (["win Money", "", "not you"], ["", "", ""], ["a b c d e f", "lunch", "x"]):
        command = [sys.executable, "example.py", *texts]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        (expected,) = SequenceClassifier.from_pretrained(model).predict([texts])
        assert json.loads(done.stdout) == pytest.approx(expected.probabilities, abs=1e-5)


def test_torch_export_of_one_text_at_a_temperature(tmp_path: Path) -> None:
    model = saved(tmp_path, "encoder=gru", fields=("text",))
    assert export(str(model), str(tmp_path / "model.pt2"), "torch_export") < 1e-5
    run = exporters.run_torch_export(tmp_path / "model.pt2")
    loaded = SequenceClassifier.from_pretrained(model)
    ids, _ = loaded.vocab.encode(["see the money"])
    chances = torch.from_numpy(run({"tokens": ids[None].astype(np.int64)})).softmax(1)[0]
    assert chances.tolist() == pytest.approx(
        list(loaded.predict(["see the money"])[0].probabilities.values()), abs=1e-5
    )
    told = json.loads((tmp_path / "model.pt2.json").read_text())
    assert (told["labels"], told["fields"], told["inputs"]) == (LABELS, {"text": 0}, ["tokens"])


def test_weights_of_8_bits_are_smaller_and_near(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path, "encoder=lstm", "multifield=concat")
    export(str(model), str(tmp_path / "whole.onnx"))
    assert export(str(model), str(tmp_path / "small.onnx"), int8=True) < 0.1
    assert "weights of 8 bits" in capsys.readouterr().out
    assert (tmp_path / "small.onnx").stat().st_size < 0.5 * (tmp_path / "whole.onnx").stat().st_size


@pytest.mark.parametrize(
    ("overrides", "options", "message"),
    [
        (("embedder=characters",), {}, "embedder=characters looks inside of words"),
        (("encoder=bag", "wide.char_weight=0.5", "wide.buckets=50"), {}, "wide.char_weight reads the characters"),
        (("encoder=cnn",), {"format": "torch_export", "int8": True}, "int8=true is for format=onnx"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(
    overrides: tuple[str, ...], options: dict[str, object], message: str, tmp_path: Path
) -> None:
    model = saved(tmp_path, *overrides)
    with pytest.raises(UserError) as error:
        export(str(model), str(tmp_path / "out" / "model.onnx"), **options)  # type: ignore[arg-type]
    assert message in str(error.value)
    assert not (tmp_path / "out" / "model.onnx").exists()


def test_a_file_that_gives_other_logits_is_refused_with_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path, "encoder=lstm", "multifield=concat")
    real = exporters.run_onnx
    monkeypatch.setattr(exporters, "run_onnx", lambda file: lambda arrays: real(file)(arrays) + 0.25)
    monkeypatch.setattr(exporters, "onnx_dynamo", exporters.onnx_torchscript)
    with pytest.raises(UserError, match=r"its logits differ from the model's by 2\.5e-01, which is more than 1e-05"):
        export(str(model), str(tmp_path / "model.onnx"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_the_tokenizer_of_another_model_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is of another model; give output= in a folder of its own"):
        export(str(saved(tmp_path, "encoder=lstm")), str(tmp_path / "out" / "model.onnx"))


@pytest.mark.slow
def test_a_model_that_one_exporter_cannot_carry_is_refused(tmp_path: Path) -> None:
    model = saved(tmp_path, "encoder=dpcnn", "multifield=concat")
    with pytest.raises(UserError, match=r"\(DpcnnEncoder, Concat\) cannot be exported as torch_export.*format=onnx"):
        export(str(model), str(tmp_path / "model.pt2"), "torch_export")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torch_export"])
@pytest.mark.parametrize(
    "overrides",
    [
        *[(f"encoder={name}", "multifield=concat") for name in ENCODERS],
        *[("encoder=cnn", f"multifield={name}") for name in MULTIFIELDS],
        *[(f"seq2seq={name}", "encoder=attention", "multifield=bag") for name in SEQ2SEQS],
        ("multifield_seq2seq=transformer", "encoder=lstm", "multifield=gated_sum", "multifield.field_embeddings=true"),
        ("encoder=lstm", "seq2seq=gru", "multifield=concat", "multifield.separate_encoders=true"),
        ("encoder=deep_cnn", "encoder.length=130", "multifield=concat"),
        ("embedder=word_counts", "encoder=bag", "multifield=none"),
        ("task=pair", "encoder=cnn", "multifield=concat"),
        ("task=pair", "encoder=lstm", "multifield=none"),
        ("task=multilabel", "encoder=bag", "feedforward=default"),
    ],
    ids=" ".join,
)
def test_every_part_is_exported(overrides: tuple[str, ...], form: str, tmp_path: Path) -> None:
    if form == "torch_export" and any("dpcnn" in each for each in overrides):
        pytest.skip("is refused, which the test above says")
    small = ["embedder.buckets=50"] if not any(each.startswith("embedder=") for each in overrides) else []
    wide = ["wide.buckets=50"] if "encoder=bag" in overrides and "task=pair" not in overrides else []
    model = saved(tmp_path, *overrides, *small, *wide)
    assert export(str(model), str(tmp_path / f"model.{form}"), form) < 1e-5  # type: ignore[arg-type]
