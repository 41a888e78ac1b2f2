import csv
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.results import RunResult
from seqclf.run.train import train
from tests.inference.test_model_folder import remake_manifest

QUICK = ("trainer.max_epochs=1", "trainer.progress_bar=false", "baselines=false", "embedder.buckets=100")
FROZEN = ("optimizer.lr=0", "optimizer.weight_decay=0")
TABLES = ("projection.weight", "projection.bias", "text_field_embedder.token_embedders.tokens.embedding.weight")


def write(path: Path, words: dict[str, str], rows: int = 60, columns: tuple[str, ...] = ("title", "body")) -> Path:
    generator = random.Random(path.name)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "label"])
        for row in range(rows):
            label = list(words)[row % len(words)]
            writer.writerow([*([f"{words[label]} {generator.choice('uvw')}"] * len(columns)), label])
    return path


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("old")
    file = write(folder / "old.csv", {"spam": "money", "ham": "lunch"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shape = ("encoder=lstm", "encoder.hidden_size=8", "multifield=attention", "embedder.embedding_dim=12")
        weights = "loss.weights={spam: 2.0, ham: 0.5}"
        return train(compose("data=files", f"data.train={file}", *QUICK, *shape, weights, "dropout=0.25"))


@pytest.fixture
def more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "more.csv", {"spam": "money", "alert": "storm", "zoo": "ape"})


def go_on(old: RunResult, file: Path, *overrides: str) -> RunResult:
    return train(compose(f"init_from={old.model_dir}", "data=files", f"data.train={file}", *QUICK[:-1], *overrides))


def test_what_is_known_keeps_its_place_and_its_rows_bit_for_bit(old: RunResult, more: Path) -> None:
    before = SequenceClassifier.from_pretrained(old.model_dir)
    after = SequenceClassifier.from_pretrained(go_on(old, more, *FROZEN).model_dir)
    assert after.vocab.labels == ["ham", "spam", "alert", "zoo"]
    assert after.vocab.words()[: before.vocab.size()] == before.vocab.words()
    assert set(after.vocab.words()[before.vocab.size() :]) == {"storm", "ape"}
    assert after.vocab.fields == before.vocab.fields
    assert after.loss.weights == {"ham": 0.5, "spam": 2.0, "alert": 1.0, "zoo": 1.0}
    weights = after.state_dict()
    for name, tensor in before.state_dict().items():
        assert torch.equal(weights[name][: len(tensor)], tensor), name
        assert (len(weights[name]) > len(tensor)) == (name in TABLES), name
    assert weights[TABLES[2]][-2:].std() == pytest.approx(0.1, abs=0.05)  # as WordEmbedder makes them
    architecture = {**before.architecture, "loss": None} if before.architecture else None
    assert {**(after.architecture or {}), "loss": None} == architecture


def test_old_records_keep_their_scores(old: RunResult, more: Path) -> None:
    before = SequenceClassifier.from_pretrained(old.model_dir)
    after = SequenceClassifier.from_pretrained(go_on(old, more, *FROZEN).model_dir)
    before.temperature = after.temperature = 1.0  # each was fitted to validation records of its own
    records = [{"title": "money u", "body": "money u"}, {"title": "lunch w"}, {"body": "what else"}]
    for one, other in zip(before.predict(records), after.predict(records), strict=True):
        odds = one.probabilities["ham"] / one.probabilities["spam"]
        assert other.probabilities["ham"] / other.probabilities["spam"] == pytest.approx(odds, rel=1e-5)


def test_it_learns_new_labels_and_trains_as_its_encoder_wants(old: RunResult, more: Path) -> None:
    config = compose(f"init_from={old.model_dir}", "data=files", f"data.train={more}")
    assert config.optimizer._target_ == compose("encoder=lstm").optimizer._target_
    assert config.recipe == compose("encoder=lstm").recipe
    assert (config.encoder.hidden_size, config.dropout, config.multifield.hidden_size) == (8, 0.25, 128)
    result = go_on(old, more, "trainer.max_epochs=12", "data.batch_size=8", "optimizer.lr=0.02")
    assert result.metrics["validation/accuracy"] > 0.9


def test_fewer_labels_are_fine_and_the_model_keeps_all(old: RunResult, tmp_path: Path, more: Path) -> None:
    file = write(tmp_path / "fewer.csv", {"spam": "storm"})
    after = SequenceClassifier.from_pretrained(go_on(old, file).model_dir)
    assert after.vocab.labels == ["ham", "spam"]


def test_words_may_be_kept_out_and_the_store_knows_the_vocabulary_it_started_from(old: RunResult, more: Path) -> None:
    size = SequenceClassifier.from_pretrained(old.model_dir).vocab.size()
    train(compose("data=files", f"data.train={more}", *QUICK, "check=true"))  # a store of its own
    after = SequenceClassifier.from_pretrained(go_on(old, more, "tokens.min_count=1000").model_dir)
    assert after.vocab.size() == size


def test_training_options_are_free_and_the_very_command_of_before_fits(old: RunResult, more: Path) -> None:
    shape = ("encoder=lstm", "encoder.hidden_size=8", "multifield=attention", "embedder.embedding_dim=12")
    free = (
        "dropout=0.1",
        "embedder.word_dropout=0.1",
        "optimizer=sgd",
        "loss.label_smoothing=0.1",
        "monitor=validation/loss",
        "metrics.beta=0.5",
    )
    after = SequenceClassifier.from_pretrained(go_on(old, more, *shape, *free, "embedder.buckets=100").model_dir)
    assert after.architecture is not None
    assert after.architecture["dropout"] == 0.1
    assert after.architecture["loss"]["label_smoothing"] == 0.1
    assert after.loss.weights is not None
    assert after.loss.weights["spam"] == 2.0
    balanced = SequenceClassifier.from_pretrained(go_on(old, more, "loss.weights=balanced").model_dir)
    assert balanced.loss.weights is not None
    assert balanced.loss.weights["ham"] == 1.0


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("encoder=cnn", ["encoder", "CnnEncoder", "RecurrentSeq2VecEncoder", "init_from"]),
        ("encoder=gru", ["encoder.cell", "'gru'", "'lstm'"]),
        ("encoder.hidden_size=9", ["encoder.hidden_size is 9, but 8"]),
        ("embedder.embedding_dim=50", ["embedder.embedding_dim is 50, but 12"]),
        ("multifield=none", ["multifield"]),
        ("seq2seq=lstm", ["seq2seq"]),
        ("wide=ngrams", ["wide is WideNgrams, but nothing in", "Leave wide=... out"]),
        ("tokens=characters", ["tokens", "tokens.min_count"]),
        ("data.text=[title]", ["title, body"]),
        ("loss.weights={ham: 1.0}", ["alert"]),
    ],
)
def test_what_contradicts_the_model_is_refused(old: RunResult, more: Path, override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        go_on(old, more, override)
    for word in words:
        assert word in str(caught.value)
    assert not Path("outputs").exists()


def test_a_configuration_changed_afterwards_is_refused_too(old: RunResult, more: Path) -> None:
    config = compose(f"init_from={old.model_dir}", "data=files", f"data.train={more}")
    config.encoder.hidden_size = 10
    with pytest.raises(UserError, match=r"encoder\.hidden_size is 10, but 8"):
        train(config)


def test_other_columns_are_refused(old: RunResult, more: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "other.csv", {"spam": "money", "ham": "lunch"}, columns=("subject", "body"))
    with pytest.raises(UserError, match="no column 'title'"):
        go_on(old, file)
    with pytest.raises(UserError, match=r"reads the fields title, body.*has subject, body"):
        go_on(old, file, "data.text=[subject,body]")


def test_nothing_of_a_hostile_folder_is_run_or_looked_up(
    old: RunResult, more: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shutil import copytree

    monkeypatch.setenv("SECRET", "hidden")
    for place, value in {
        "encoder": {"_target_": "os.system", "command": "touch canary"},
        "dropout": "${oc.env:SECRET}",
    }.items():
        folder = copytree(old.model_dir, tmp_path / place)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"][place] = value
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        remake_manifest(folder)
        with pytest.raises(UserError, match=r"os\.system|SECRET"):
            train(compose(f"init_from={folder}", "data=files", f"data.train={more}"))
    assert not (tmp_path / "canary").exists()


@pytest.mark.slow
def test_the_command_line_takes_it_and_exits_with_2_for_a_wrong_folder(old: RunResult, more: Path) -> None:
    root = Path(__file__).parents[2]

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(root / "train.py"), "data=files", f"data.train={more}", *QUICK[:-1], *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    wrong = run("init_from=nowhere")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: nowhere is not a model folder")
    assert not Path("outputs").exists()
    done = run(f"init_from={old.model_dir}", "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    assert SequenceClassifier.from_pretrained("run/model").vocab.num_labels == 4
    assert yaml.safe_load(Path("run/.hydra/config.yaml").read_text())["encoder"]["hidden_size"] == 8
