import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqclf.batch import RecordBatch
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.pretrained_embedder import PretrainedEmbedder
from seqclf.ragged import Ragged
from seqclf.text.pretrained_tokens import PretrainedTokens
from seqclf.text.vocabulary import Vocabulary
from tests.backbones import make_backbone

TEXTS = [
    "the cat sat on the mat .",
    "dogs ran",
    "it was big and then small , and the red tree ran quickly !",
    "?",
]
KINDS = ("bert", "roberta", "distilbert", "electra", "xlm-roberta", "mpnet", "deberta-v2")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_backbone(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def vocabulary(folder: Path, fields: tuple[str, ...] = ("text",), join: bool = False, **options: Any) -> Vocabulary:
    tokens = PretrainedTokens(str(folder), **options)
    return Vocabulary(tokens.train([]), ["x"], fields, join, frame=tokens.frame, segment=tokens.segment)


def embedder(folder: Path, vocab: Vocabulary, **options: Any) -> PretrainedEmbedder:
    assert vocab.frame is not None
    return PretrainedEmbedder(vocab.size(), vocab.frame.special_ids, str(folder), **options).eval()


def batch_of(vocab: Vocabulary, records: list[list[str]]) -> RecordBatch:
    indexed = index_records(vocab, records)
    return indexed.batch(torch.arange(len(records)).numpy())


def rows(out: Ragged) -> list[Tensor]:
    return list(out.values.split(out.rows.lengths.tolist()))


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_transformers_for_padded_texts(folders: dict[str, Path], kind: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    vocab = vocabulary(folders[kind])
    out = rows(embedder(folders[kind], vocab)(batch_of(vocab, [[text] for text in TEXTS]).tokens["tokens"]))
    tokenizer, model = AutoTokenizer.from_pretrained(folders[kind]), AutoModel.from_pretrained(folders[kind]).eval()
    given = tokenizer(TEXTS, padding=True, return_tensors="pt")
    if kind != "bert":
        given.pop("token_type_ids", None)
    expected = model(**given).last_hidden_state
    for vectors, row, mask in zip(out, expected, given["attention_mask"], strict=True):
        torch.testing.assert_close(vectors, row[mask.bool()], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_joined_fields_are_what_transformers_makes_of_a_pair(folders: dict[str, Path], kind: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    vocab = vocabulary(folders[kind], ("left", "right"), join=True)
    pairs = [["the cat sat", "on the mat"], ["dogs", "ran under the big tree ."]]
    out = rows(embedder(folders[kind], vocab)(batch_of(vocab, pairs).tokens["tokens"]))
    tokenizer, model = AutoTokenizer.from_pretrained(folders[kind]), AutoModel.from_pretrained(folders[kind]).eval()
    for vectors, pair in zip(out, pairs, strict=True):
        given = tokenizer(*pair, return_tensors="pt", return_token_type_ids=True)
        if kind != "bert":
            given.pop("token_type_ids", None)
        torch.testing.assert_close(vectors, model(**given).last_hidden_state[0], rtol=0, atol=1e-5)


def test_a_record_without_a_token_is_read_as_the_first_special_token(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    model = embedder(folders["bert"], vocab)
    (vectors,) = rows(model(batch_of(vocab, [["  "]]).tokens["tokens"]))
    expected = model.backbone.embeddings(torch.tensor([[vocab.frame.before[0]]]))  # type: ignore[union-attr,operator]
    assert vectors.shape == (1, 16)
    assert torch.isfinite(expected).all()


def copied(target: nn.Module, source: nn.Module, names: dict[str, str]) -> None:
    theirs = source.state_dict()
    ours = {mine: theirs[name] for mine, name in names.items()}
    missing = target.load_state_dict(ours, strict=False).missing_keys
    assert not [name for name in missing if not name.startswith("text_field_embedder")]


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "distilbert"])
def test_logits_are_those_of_transformers_own_classifier(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from seqclf.build import build_classifier
    from seqclf.run.compose import compose, plain

    torch.manual_seed(3)
    theirs = AutoModelForSequenceClassification.from_pretrained(folders[kind], num_labels=3).eval()
    theirs.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folders[kind]).save_pretrained(tmp_path)
    first = "classifier.dense" if kind in ("roberta", "electra") else "bert.pooler.dense"
    last = "classifier.out_proj" if kind in ("roberta", "electra") else "classifier"
    pooled = {"seq2vec_encoder.projection": first, "projection": last}
    parts = ["encoder=bert_pooler"]
    if kind in ("electra", "distilbert"):  # a gelu, or a relu, in place of tanh
        parts = ["encoder=cls_pooler", "feedforward=default", "feedforward.hidden_dims=[16]"]
        parts += [f"feedforward.activation={'gelu' if kind == 'electra' else 'relu'}"]
        pooled = {"feed_forward.layers.0": "pre_classifier" if kind == "distilbert" else first, "projection": last}
    config = plain(compose("embedder=pretrained", f"embedder.model={tmp_path}", "dropout=0", *parts))
    tokens = PretrainedTokens(str(tmp_path))
    vocab = Vocabulary(tokens.train([]), ["x", "y", "z"], ["text"], frame=tokens.frame)
    model = build_classifier(config, vocab).eval()
    names = {f"{mine}.{end}": f"{name}.{end}" for mine, name in pooled.items() for end in ("weight", "bias")}
    copied(model, theirs, names)
    given = AutoTokenizer.from_pretrained(folders[kind])(TEXTS, padding=True, return_tensors="pt")
    if kind in ("roberta", "distilbert"):
        given.pop("token_type_ids", None)
    logits = model(batch_of(vocab, [[text] for text in TEXTS]))["logits"]
    torch.testing.assert_close(logits, theirs(**given).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_a_row_alone_gives_what_it_gives_in_any_batch_and_so_do_its_gradients(
    folders: dict[str, Path], kind: str
) -> None:
    vocab = vocabulary(folders[kind])
    model = embedder(folders[kind], vocab).double()
    pool = Bag(16, mode="mean")
    weights = torch.randn(len(TEXTS), 16, dtype=torch.float64)
    (pool(model(batch_of(vocab, [[text] for text in TEXTS]).tokens["tokens"])) * weights).sum().backward()
    together = {
        name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
    }
    model.zero_grad()
    for text, weight in zip(TEXTS, weights, strict=True):
        (pool(model(batch_of(vocab, [[text]]).tokens["tokens"])) * weight).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, together[name], rtol=0, atol=1e-10)


def trained(model: PretrainedEmbedder) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_layers_are_frozen_from_the_bottom_up(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    whole = embedder(folders["bert"], vocab, freeze=True).train()
    assert trained(whole) == set()
    assert not whole.backbone.training
    some = trained(embedder(folders["bert"], vocab, freeze_layers=1))
    assert {name.split(".")[3] for name in some} == {"1"}
    with pytest.raises(UserError, match="`freeze_layers` must be from 0 to the model's 2 layers, but is 3"):
        embedder(folders["bert"], vocab, freeze_layers=3)


def test_top_layers_start_fresh_and_the_others_do_not(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    old, new = (embedder(folders["bert"], vocab, reinit_layers=number).state_dict() for number in (0, 1))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert {name.split(".")[3] for name in changed} == {"1"}
    assert all(not new[name].any() for name in changed if name.endswith("bias"))


def test_each_layer_has_the_rate_of_the_one_above_it_times_the_decay(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    rates = embedder(folders["bert"], vocab, layer_decay=0.5).layers.rates("p", 0.1, 0.5)
    found = {pattern.replace("\\", ""): round(group["lr"], 6) for pattern, group in rates.items()}
    assert found.pop("^p.encoder.layer.1.") == 0.1
    assert found.pop("^p.encoder.layer.0.") == 0.05
    assert set(found.values()) == {0.025}
    assert all(name.startswith("^p.embeddings.") for name in found)


def test_layers_are_mixed_by_learned_weights(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    tokens = batch_of(vocab, [[TEXTS[0]]]).tokens["tokens"]
    model = embedder(folders["bert"], vocab, mix_layers=2)
    ids = (tokens.values - 4).unsqueeze(0)
    place = torch.arange(ids.shape[1]).unsqueeze(0)
    from seqclf.nn.row_attention import row_plan

    plan = row_plan(tokens.rows, ids.device)
    layers = model.backbone(ids, position_ids=place, rows=plan, output_hidden_states=True).hidden_states
    torch.testing.assert_close(model(tokens).values, (layers[-1] + layers[-2])[0] / 2)
    model(tokens).values.sum().backward()
    assert model.mix is not None
    assert model.mix.weights.grad is not None


def test_low_rank_layers_alone_are_trained_and_can_be_merged(folders: dict[str, Path]) -> None:
    pytest.importorskip("peft")
    vocab = vocabulary(folders["bert"])
    tokens = batch_of(vocab, [[text] for text in TEXTS]).tokens["tokens"]
    plain = embedder(folders["bert"], vocab)
    model = embedder(folders["bert"], vocab, lora_rank=2, lora_targets=["query", "value"])
    torch.testing.assert_close(model(tokens).values, plain(tokens).values)
    assert {name.split(".")[-3] for name in trained(model)} == {"lora_A", "lora_B"}
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    expected = model(tokens).values
    assert (expected - plain(tokens).values).abs().max() > 0.01
    model.merge()
    torch.testing.assert_close(model(tokens).values, expected, rtol=0, atol=1e-5)
    assert model.state_dict().keys() == plain.state_dict().keys()
    with pytest.raises(UserError, match="no linear layer is called 'querry'"):
        embedder(folders["bert"], vocab, lora_rank=2, lora_targets=["querry"])


def test_gradients_are_the_same_with_checkpoints(folders: dict[str, Path]) -> None:
    vocab = vocabulary(folders["bert"])
    tokens = batch_of(vocab, [[text] for text in TEXTS]).tokens["tokens"]
    found = []
    for given in (False, True):
        model = embedder(folders["bert"], vocab, gradient_checkpointing=given, dropout=0.0).train()
        model(tokens).values.square().sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(found[1], found[0])


def test_no_padding_is_computed_where_attention_knows_the_rows(folders: dict[str, Path]) -> None:
    for kind, padded in (("bert", False), ("mpnet", True)):
        vocab = vocabulary(folders[kind])
        model = embedder(folders[kind], vocab).train()
        model(batch_of(vocab, [[text] for text in TEXTS]).tokens["tokens"])
        assert (model.cells > model.tokens) is padded


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "burt"}, "knows no model_type 'burt'.*trust_remote_code=true"),
        ({"hidden_size": 32}, "disagree on shapes"),
        ({"vocab_size": 3}, "disagree on shapes"),
    ],
)
def test_a_broken_folder_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = make_backbone(tmp_path)
    vocab = vocabulary(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match=said):
        embedder(folder, vocab)


def test_code_beside_a_model_is_not_run(tmp_path: Path) -> None:
    folder = make_backbone(tmp_path)
    vocab = vocabulary(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(UserError, match="trust_remote_code"):
        embedder(folder, vocab)
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = make_backbone(tmp_path)
    vocab = vocabulary(folder)
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded"):
        embedder(folder, vocab)
    assert embedder(folder, vocab, from_scratch=True).output_dim == 16


def test_a_model_that_is_not_here_is_said_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"needs embedder\.model"):
        PretrainedTokens(None).train([])
    with pytest.raises(UserError, match="there is no such folder"):
        PretrainedTokens("./nowhere").train([])
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids"):
        PretrainedTokens("nobody/nothing").train([])
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(UserError, match="was not fetched before"):
        PretrainedTokens("nobody/nothing").train([])
