"""From text to a saved model and its predictions, with a tiny pretrained model."""

import csv
import json
from pathlib import Path

import pytest
import torch

from seqclf import RunResult, SequenceClassifier, compose, train
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.run.checkpoints import read_weights
from seqclf.run.export import export
from seqclf.run.gradual_unfreezing import first_epochs
from tests.backbones import make_backbone

QUICK = ("trainer.max_epochs=1", "trainer.progress_bar=false", "baselines=false", "data.batch_size=8")
WORDS = ("cat", "dog", "mat", "tree")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "train.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "body", "label"])
        for number in range(48):
            word = WORDS[number % 4]
            writer.writerow([f"the {word}", f"a {word} sat " + "on the mat " * (number % 5), "xy"[number % 4 < 2]])
    return file


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def run(backbone: Path, table: Path, tmp_path: Path, *overrides: str) -> RunResult:
    data = ("data=files", f"data.train={table}", "data.label=label")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        return train(compose("embedder=pretrained", f"embedder.model={backbone}", *data, *QUICK, *overrides))


RECORDS = [{"title": "the cat", "body": "a cat sat"}, {"title": "", "body": "the tree, the tree!"}, {"title": "dog"}]


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=cls_pooler", "multifield=attention"],
        ["encoder=lstm", "encoder.hidden_size=4", "multifield=none", "embedder.mix_layers=2"],
        ["tokens.segment=windows", "tokens.max_length=8", "tokens.overlap=2", "multifield=bag"],
    ],
    ids=["fields", "joined", "windows"],
)
def test_a_run_leaves_a_model_that_predicts_the_same_without_the_backbone(
    overrides: list[str], backbone: Path, table: Path, tmp_path: Path
) -> None:
    result = run(backbone, table, tmp_path, *overrides)
    predicted = rows_of(result.run_dir / "predictions.csv")
    kept = json.loads((result.model_dir / "manifest.json").read_text())
    assert {"backbone/config.json", "backbone/tokenizer.json", "backbone/tokenizer_config.json"} <= set(kept)
    assert str(backbone) not in (result.model_dir / "config.yaml").read_text()
    model = SequenceClassifier.from_pretrained(result.model_dir)
    again = model.predict([{name: row[name] for name in ("title", "body")} for row in predicted])
    for row, prediction in zip(predicted, again, strict=True):
        assert prediction.probability == pytest.approx(float(row["probability"]), abs=1e-6)
    alone = [model.predict([record])[0].probability for record in RECORDS]
    assert [each.probability for each in model.predict(RECORDS)] == pytest.approx(alone, abs=1e-6)
    with pytest.raises(UserError, match="embedder=pretrained reads texts as its own tokenizer frames them"):
        export(str(result.model_dir), str(tmp_path / "model.onnx"))
    twice = SequenceClassifier.from_pretrained(model.save_pretrained(tmp_path / "again"))
    assert [each.probability for each in twice.predict(RECORDS)] == pytest.approx(alone, abs=1e-6)


def test_the_backbone_folder_loads_in_transformers(backbone: Path, table: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    model_dir = run(backbone, table, tmp_path).model_dir
    assert AutoConfig.from_pretrained(model_dir / "backbone").model_type == "bert"
    theirs = AutoTokenizer.from_pretrained(model_dir / "backbone")("the cat sat").input_ids
    assert theirs == AutoTokenizer.from_pretrained(backbone)("the cat sat").input_ids


def test_a_changed_backbone_file_is_refused(backbone: Path, table: Path, tmp_path: Path) -> None:
    model_dir = run(backbone, table, tmp_path).model_dir
    config = model_dir / "backbone" / "config.json"
    config.write_text(config.read_text().replace('"bert"', '"roberta"'))
    with pytest.raises(UserError, match="is not the file that manifest"):
        SequenceClassifier.from_pretrained(model_dir)


def test_a_run_goes_on_from_a_pretrained_model(backbone: Path, table: Path, tmp_path: Path) -> None:
    first = run(backbone, table, tmp_path).model_dir
    data = ("data=files", f"data.train={table}", "data.label=label")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        second = train(compose(f"init_from={first}", *data, *QUICK, "optimizer.lr=0")).model_dir
    old, new = (SequenceClassifier.from_pretrained(folder).state_dict() for folder in (first, second))
    torch.testing.assert_close(new, old)


def test_what_is_too_long_is_counted_and_said(
    backbone: Path, table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="seqclf"):
        run(backbone, table, tmp_path, "tokens.max_length=9", "tokens.truncation=head_tail")
    assert "sequences are longer than tokens.max_length and were cut" in caplog.text


def test_low_rank_layers_are_merged_or_kept_apart(backbone: Path, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    for merge in ("true", "false"):
        low_rank = ("embedder.lora_rank=2", f"embedder.lora_merge={merge}", "optimizer.lr=0.01")
        result = run(backbone, table, tmp_path, *low_rank)
        model = SequenceClassifier.from_pretrained(result.model_dir)
        assert any("lora" in name for name in model.state_dict()) is (merge == "false")
        predicted = rows_of(result.run_dir / "predictions.csv")
        again = model.predict([{name: row[name] for name in ("title", "body")} for row in predicted])
        for row, prediction in zip(predicted, again, strict=True):
            assert prediction.probability == pytest.approx(float(row["probability"]), abs=1e-5)


def test_rates_and_frozen_layers_are_what_was_typed(backbone: Path, table: Path, tmp_path: Path) -> None:
    from seqclf.build import build_classifier
    from seqclf.run.compose import plain
    from seqclf.run.open_data import open_data

    typed = ("embedder.lr=0.01", "embedder.layer_decay=0.5", "embedder.freeze_layers=1", "optimizer.lr=0.1")
    data = ("data=files", f"data.train={table}", "data.label=label")
    config = plain(compose("embedder=pretrained", f"embedder.model={backbone}", *data, *typed))
    model = build_classifier(config, open_data(config)[1].vocabulary)
    groups = model.optimizer(model.named_parameters()).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(parameter)]: group["lr"] for group in groups for parameter in group["params"]}
    assert {rate for name, rate in rates.items() if "backbone" in name} == {0.01}
    assert {rate for name, rate in rates.items() if "backbone" not in name} == {0.1}
    assert not [name for name in rates if "embeddings" in name or "layer.0" in name]
    decays = {names[id(parameter)]: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert {decay for name, decay in decays.items() if name.endswith("bias") or "LayerNorm" in name} == {0.0}


def test_the_layers_are_unfrozen_one_by_one(backbone: Path, table: Path, tmp_path: Path) -> None:
    from seqclf.nn.backbone_loading import load_backbone

    typed = ("callbacks.gradual_unfreezing=true", "trainer.max_epochs=2", "optimizer.lr=0.001", "scheduler=constant")
    result = run(backbone, table, tmp_path, "multifield=none", *typed)
    model = SequenceClassifier.from_pretrained(result.model_dir)
    epochs = first_epochs(model)
    assert {name: epoch for name, epoch in epochs.items() if "backbone" not in name} == {
        "projection.weight": 0,
        "projection.bias": 0,
    }
    start = load_backbone(str(backbone)).state_dict()
    prefix = "text_field_embedder.token_embedders.tokens.backbone."
    for name, weight in read_weights(result.run_dir / "checkpoints" / "last.ckpt").items():
        own = name.removeprefix(prefix)
        if own in start:
            assert epochs[name] == (1 if "layer.1." in own else 2 if "layer.0." in own else 3), own
            if "key.bias" not in own:  # whatever it is, the attention is the same
                assert torch.equal(weight, start[own]) is (epochs[name] > 1), own


def test_a_pretrained_model_is_trained_in_bfloat16_where_the_hardware_has_it(backbone: Path) -> None:
    typed = ("embedder=pretrained", f"embedder.model={backbone}")
    assert compose(*typed).trainer.precision == "auto"
    assert compose(*typed, "trainer.precision=32").trainer.precision == 32
    assert compose().trainer.precision == "32"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["tokens=words"], "tokenizer: leave tokens=... out"),
        (["tokens.max_length=99"], "tokens.max_length=99 is more than .* has positions for: 32"),
        (["tokens.max_length=2"], "leaves no room"),
        (["data.categorical=[title]", "data.text=[body]"], "reads text: name 'title' in data.text"),
        (["embedder.model=./nowhere"], "there is no such folder"),
    ],
)
def test_mistakes_are_said(typed: list[str], said: str, backbone: Path, table: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        run(backbone, table, tmp_path, *typed)


@pytest.mark.parametrize("encoder", [["encoder=bag"], ["encoder=attention"]], ids=["fields", "tokens"])
def test_a_frozen_model_is_computed_once_and_learns_the_same(
    encoder: list[str], backbone: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqclf.nn.pretrained_embedder import PretrainedEmbedder
    from seqclf.run import computed_vectors

    monkeypatch.setenv("SEQCLF_CACHE", str(tmp_path / "cache"))
    calls = []
    forward = PretrainedEmbedder.forward
    monkeypatch.setattr(
        PretrainedEmbedder, "forward", lambda self, ids: (calls.append(len(ids)), forward(self, ids))[1]
    )
    typed = (
        "embedder.freeze=true",
        "trainer.max_epochs=2",
        "dropout=0.2",
        "multifield=bag",
        "optimizer.lr=0.01",
        *encoder,
    )
    kept = run(backbone, table, tmp_path, *typed)
    once = len(calls)
    run(backbone, table, tmp_path, *typed)
    assert len(calls) - once < once  # the predictions alone
    calls.clear()
    monkeypatch.setattr(computed_vectors, "MOST", 0)
    anew = run(backbone, table, tmp_path, *typed)
    assert len(calls) > once
    assert anew.metrics["train/loss"] == pytest.approx(kept.metrics["train/loss"], abs=1e-5)
    assert anew.metrics["validation/loss"] == pytest.approx(kept.metrics["validation/loss"], abs=1e-5)


def test_dropout_inside_of_the_model_is_on_in_training_and_off_where_it_is_frozen(
    backbone: Path, table: Path, tmp_path: Path
) -> None:
    def loss(*typed: str) -> float:
        return run(backbone, table, tmp_path, "dropout=0", *typed).metrics["train/loss"]

    assert loss("embedder.dropout=0.0") != loss("embedder.dropout=0.4")
    assert loss("embedder.dropout=0.0", "embedder.freeze=true") == loss("embedder.freeze=true")


def test_a_pair_is_read_as_one_sequence(backbone: Path, tmp_path: Path) -> None:
    from seqclf.classifiers.sequence_pair_classifier import SequencePairClassifier

    file = tmp_path / "pairs.csv"
    pairs = [(WORDS[n % 4], WORDS[n // 4 % 4]) for n in range(64)]
    lines = [f"the {a},a {a} sat,the {b},a {b} ran,{'same' if a == b else 'other'}" for a, b in pairs]
    file.write_text("left_title,left_body,right_title,right_body,label\n" + "\n".join(lines) + "\n")
    sides = ("data.left=[left_title,left_body]", "data.right=[right_title,right_body]")
    result = run(backbone, file, tmp_path, "task=pair", "task.interaction=cross", *sides)
    model = SequencePairClassifier.from_pretrained(result.model_dir)
    ids = index_records(model.vocab, [["the cat", "a cat sat", "the dog", "a dog ran"]])
    words = [["[PAD]", "[UNK]", "[EMPTY]", "|", *model.vocab.words()[4:]][place] for place in ids.ids]
    assert " ".join(words) == "[CLS] the cat [SEP] a cat sat | the dog [SEP] a dog ran [SEP]"
    assert ids.num_inputs == 1
    predicted = rows_of(result.run_dir / "predictions.csv")
    records = [{name: row[name] for name in model.vocab.columns} for row in predicted]
    for row, prediction in zip(predicted, model.predict(records), strict=True):
        assert prediction.probability == pytest.approx(float(row["probability"]), abs=1e-6)
    with pytest.raises(UserError, match="one sequence"):
        run(backbone, file, tmp_path, "task=pair", "task.interaction=cross", "tokens.segment=sentences", *sides)


def test_what_padding_costs_is_a_figure(backbone: Path, table: Path, tmp_path: Path) -> None:
    assert run(backbone, table, tmp_path).metrics["train/padding"] == 0
