import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.run.compose import compose, plain
from seqclf.text.characters import Characters
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = [["win money now", "see you"], ["", "lunch"], ["a strange thing", ""]]


class OwnBag(Bag):
    """A part of the user's own."""


def build(*overrides: str, parts: tuple[type, ...] = ()) -> SequenceClassifier:
    torch.manual_seed(0)
    tokenizer = Tokenization().train(text for record in TEXTS for text in record)
    vocab = Vocabulary(tokenizer, ["ham", "spam"], ["title", "body"])
    model = build_classifier(plain(compose("embedder.buckets=50", *overrides)), vocab, parts)
    assert isinstance(model, SequenceClassifier)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build().save_pretrained(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def remake_manifest(folder: Path) -> None:
    names = [path.name for path in sorted(folder.iterdir()) if path.name not in ("manifest.json", "README.md")]
    manifest = {
        name: {
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            "size": (folder / name).stat().st_size,
        }
        for name in names
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("encoder", ["bag", "lstm", "cnn", "transformer"])
def test_a_loaded_model_predicts_exactly_as_the_saved_one(tmp_path: Path, encoder: str) -> None:
    model = build(f"encoder={encoder}", "multifield=attention").eval()
    model.save_pretrained(tmp_path / "model")
    loaded = SequenceClassifier.from_pretrained(tmp_path / "model")
    assert loaded.predict(TEXTS) == model.predict(TEXTS)
    assert loaded.output_classes == model.output_classes


def test_a_chain_keeps_only_what_it_names_and_predicts_the_same(tmp_path: Path) -> None:
    names = "seq2seq.names=[gru,transformer]", "multifield_seq2seq.names=[lstm,lstm]"
    model = build("seq2seq=chain", "multifield_seq2seq=chain", *names, "seq2seq.gru.hidden_size=8").eval()
    model.save_pretrained(tmp_path / "model")
    kept = yaml.safe_load((tmp_path / "model" / "config.yaml").read_text())["model"]
    assert {key for key, value in kept["seq2seq"].items() if isinstance(value, dict)} == {"gru", "transformer"}
    assert {key for key, value in kept["multifield_seq2seq"].items() if isinstance(value, dict)} == {"lstm"}
    assert SequenceClassifier.from_pretrained(tmp_path / "model").predict(TEXTS) == model.predict(TEXTS)


def test_encoders_of_each_field_and_field_dropout_predict_the_same_when_loaded(tmp_path: Path) -> None:
    options = "multifield.separate_encoders=true", "multifield.field_dropout=0.5", "multifield.field_embeddings=true"
    model = build("seq2seq=lstm", "encoder=cnn", "multifield=gated_sum", *options).eval()
    assert len(model.seq2seq_encoder.encoders) == len(model.seq2vec_encoder.encoders) == 2
    model.save_pretrained(tmp_path / "model")
    loaded = SequenceClassifier.from_pretrained(tmp_path / "model")
    assert loaded.predict(TEXTS) == model.predict(TEXTS)


def test_a_part_where_no_name_asks_for_it_is_refused(tmp_path: Path) -> None:
    folder = build("seq2seq=chain").save_pretrained(tmp_path / "model")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["model"]["seq2seq"]["extra"] = config["model"]["seq2seq"]["lstm"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    remake_manifest(folder)
    with pytest.raises(UserError, match=r"at 'model\.seq2seq\.extra', where no part can stand"):
        SequenceClassifier.from_pretrained(folder)


def test_two_saves_of_one_model_are_the_same_bytes(tmp_path: Path) -> None:
    model = build()
    first, second = model.save_pretrained(tmp_path / "first"), model.save_pretrained(tmp_path / "second")
    assert (first / "manifest.json").read_text() == (second / "manifest.json").read_text()


def test_saving_over_an_old_folder_replaces_it_and_leaves_nothing_beside(tmp_path: Path) -> None:
    build().save_pretrained(tmp_path / "model")
    build("encoder=cnn").save_pretrained(tmp_path / "model")
    assert "CnnEncoder" in (tmp_path / "model" / "config.yaml").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_made_by_hand_says_why_it_cannot_be_kept(tmp_path: Path) -> None:
    model = build()
    model.architecture = None
    with pytest.raises(UserError, match="build_classifier"):
        model.save_pretrained(tmp_path / "model")


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def flip_a_weight(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))


def cut_weights_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    remake_manifest(folder)


def weights_not_finite(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["projection.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    remake_manifest(folder)


def a_tensor_less(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["projection.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    remake_manifest(folder)


def one_label_more(folder: Path) -> None:
    (folder / "labels.json").write_text('["ham", "spam", "more"]')
    remake_manifest(folder)


def another_tokenizer(folder: Path) -> None:
    tokenizer = Tokenization().train(iter(["quite another vocabulary with many more words in it than before"]))
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    remake_manifest(folder)


def symlink(folder: Path) -> None:
    (folder / "labels.json").rename(folder / "real.json")
    (folder / "labels.json").symlink_to(folder / "real.json")


def path_in_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["../evil"] = manifest["labels.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def unknown_key(folder: Path) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["model"]["encodr"] = None
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    remake_manifest(folder)


def newer_format(folder: Path) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["format"] = 99
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    remake_manifest(folder)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (drop("labels.json"), "labels.json is missing"),
        (drop("manifest.json"), "manifest.json is missing"),
        (flip_a_weight, "changed or cut short"),
        (cut_weights_short, "broken"),
        (weights_not_finite, "projection.bias"),
        (a_tensor_less, "lacks tensor 'projection.bias'. Did you mean 'projection.weight'?"),
        (one_label_more, "projection"),
        (another_tokenizer, "text_field_embedder"),
        (symlink, "not a plain file"),
        (path_in_manifest, "nothing else"),
        (unknown_key, "encoder"),
        (newer_format, "99"),
    ],
)
def test_a_harmed_folder_is_refused(folder: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(folder)
    with pytest.raises(UserError, match=words):
        SequenceClassifier.from_pretrained(folder)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "torch.load",
        "torch.hub.load",
        "numpy.load",
        "builtins.eval",
        "joblib.load",
        "pandas.read_pickle",
        "transformers.AutoModel.from_pretrained",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "logging.os.system",
        "seqclf.nn.bag.torch.load",
        "seqclf.nn.bag.torch",
        "seqclf.parts.import_module",
        "seqclf.run.own_parts.import_part",
        "seqclf.nn.evil.Evil",
    ],
)
@pytest.mark.parametrize("place", ["encoder", "loss", "deep"])
def test_a_hostile_target_is_refused_and_nothing_runs(folder: Path, tmp_path: Path, target: str, place: str) -> None:
    canary = tmp_path / "canary"
    config = yaml.safe_load((folder / "config.yaml").read_text())
    hostile = {"_target_": target, "command": f"touch {canary}", "_args_": [f"touch {canary}"]}
    if place == "deep":
        config["model"]["encoder"]["mode"] = [hostile]
    else:
        config["model"][place] = hostile
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    remake_manifest(folder)
    with pytest.raises(UserError, match="encoder" if place == "deep" else place):
        SequenceClassifier.from_pretrained(folder)
    assert not canary.exists()


def test_yaml_tags_are_refused(folder: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (folder / "config.yaml").write_text(f"format: !!python/object/apply:os.system ['touch {canary}']\n")
    remake_manifest(folder)
    with pytest.raises(UserError, match=r"config\.yaml is broken"):
        SequenceClassifier.from_pretrained(folder)
    assert not canary.exists()


def test_a_part_of_ones_own_loads_only_when_it_is_named(tmp_path: Path) -> None:
    target = f"{OwnBag.__module__}.{OwnBag.__qualname__}"
    model = build(f"encoder._target_={target}", parts=(OwnBag,)).eval()
    folder = model.save_pretrained(tmp_path / "model")
    with pytest.raises(UserError, match="OwnBag"):
        SequenceClassifier.from_pretrained(folder)
    loaded = SequenceClassifier.from_pretrained(folder, parts=[OwnBag])
    assert isinstance(loaded.seq2vec_encoder, OwnBag)
    assert loaded.predict(TEXTS) == model.predict(TEXTS)


def test_a_model_that_started_with_word_vectors_does_not_need_their_file_again(tmp_path: Path) -> None:
    vectors = tmp_path / "glove.txt"
    vectors.write_text("win 1 2 3\nlunch 4 5 6\n")
    model = build(f"embedder.vectors={vectors}", "embedder.embedding_dim=3", "embedder.freeze=true").eval()
    table = model.text_field_embedder.token_embedders["tokens"].embedding.weight
    assert table[model.vocab.words().index("lunch")].tolist() == [4, 5, 6]
    model.save_pretrained(tmp_path / "model")
    vectors.unlink()
    assert SequenceClassifier.from_pretrained(tmp_path / "model").predict(TEXTS) == model.predict(TEXTS)


@pytest.mark.parametrize(
    "overrides",
    [
        ["embedder=characters", "encoder@embedder.encoder=lstm"],
        ["embedder=char_ngrams"],
        ["embedder=several", "embedder.combine=project", "embedder.names=[word,characters,char_ngrams]"],
    ],
)
def test_a_model_that_looks_inside_of_words_predicts_exactly_as_the_saved_one(
    tmp_path: Path, overrides: list[str]
) -> None:
    vocab = build().vocab
    words = {word: 1 for record in TEXTS for text in record for word in vocab.cut(text)}
    indexers = {"characters": Characters.fit(words)}
    vocab = Vocabulary(vocab.tokenizer, vocab.labels, vocab.fields, word_indexers=indexers)
    model = build_classifier(plain(compose(*overrides)), vocab).eval()
    folder = model.save_pretrained(tmp_path / "model")
    records = [*TEXTS, ["unseen lünches", "strangely"]]
    assert SequenceClassifier.from_pretrained(folder).predict(records) == model.predict(records)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "characters.json" in manifest
    (folder / "characters.json").write_text("[]")
    with pytest.raises(UserError, match=r"characters\.json is not the file"):
        SequenceClassifier.from_pretrained(folder)
    del manifest["characters.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="reads 'characters' of each word"):
        SequenceClassifier.from_pretrained(folder)


def test_the_temperature_is_kept_and_scales_the_probabilities_alone(tmp_path: Path) -> None:
    model = build().eval()
    raw = model.predict(TEXTS)
    model.temperature = 0.25
    loaded = SequenceClassifier.from_pretrained(model.save_pretrained(tmp_path / "model"))
    assert loaded.temperature == 0.25
    sharp = loaded.predict(TEXTS)
    assert sharp == model.predict(TEXTS)
    assert [one.label for one in sharp] == [one.label for one in raw]
    for before, after in zip(raw, sharp, strict=True):
        powers = {label: chance**4 for label, chance in before.probabilities.items()}
        expected = {label: power / sum(powers.values()) for label, power in powers.items()}
        assert after.probabilities == pytest.approx(expected, rel=1e-4)


def test_a_folder_of_before_calibration_loads_with_temperature_one(folder: Path) -> None:
    (folder / "calibration.json").unlink()
    remake_manifest(folder)
    assert SequenceClassifier.from_pretrained(folder).temperature == 1.0


def test_a_temperature_that_the_manifest_does_not_describe_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["calibration.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"calibration\.json is not among the files"):
        SequenceClassifier.from_pretrained(folder)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"temperature": 0}', '{"temperature": "1"}', '{"temperature": NaN}', '{"temperature": true}', "{}"],
)
def test_a_file_that_holds_no_temperature_is_refused(folder: Path, text: str) -> None:
    (folder / "calibration.json").write_text(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["calibration.json"] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "size": len(text)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"calibration\.json"):
        SequenceClassifier.from_pretrained(folder)
