"""Explanations of pretrained models: which piece stands where, and what it adds, as captum and transformers say it."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from seqclf.build import build_classifier
from seqclf.data.indexing import index_records
from seqclf.inference.places import MARK, places_of
from seqclf.inference.spans import spans_of
from seqclf.run.compose import compose, plain, with_choices
from seqclf.text.columns import Column
from seqclf.text.pretrained_tokens import PretrainedTokens
from seqclf.text.vocabulary import Vocabulary
from tests.backbones import TEXT, make_backbone

FIELDS = ["title", "body"]
RECORDS = [["The cat sat!", "on a mat, it was red"], ["", "Two dogs ran"], ["zebra", ""], ["", ""]]


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    kinds = ("bert", "roberta", "mpnet")  # of the last, rows are computed as rectangles
    return {kind: make_backbone(tmp_path_factory.mktemp(kind), kind) for kind in kinds}


def vocabulary(folder: Path, columns: Sequence[str] = FIELDS, **options: Any) -> Vocabulary:
    layout = {name: options.pop(name) for name in ("join_fields", "cross", "kinds") if name in options}
    fields = FIELDS if len(columns) == 2 * len(FIELDS) else columns
    tokens = PretrainedTokens(str(folder), **options)
    settings = {"columns": columns, "frame": tokens.frame, "segment": tokens.segment, **layout}
    return Vocabulary(tokens.train([]), ["ham", "odd", "spam"], fields, **settings)


def build(folder: Path, *overrides: str, **options: Any) -> Any:
    """A model whose head is far from zero, as after training."""
    torch.manual_seed(0)
    vocab = vocabulary(folder, **options)
    config = plain(compose(*with_choices(["embedder=pretrained", f"embedder.model={folder}", *overrides])))
    model = build_classifier(config, vocab).eval()
    torch.nn.init.normal_(model.projection.weight)
    return model


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"max_length": 6, "truncation": "tail"},
    {"max_length": 7, "truncation": "head_tail"},
    {"join_fields": True},
    {"join_fields": True, "max_length": 9},
    {"segment": "windows", "max_length": 8, "overlap": 3},
    {"segment": "sentences", "max_length": 6},
    {"columns": ["left_title", "left_body", "right_title", "right_body"]},
    {"columns": ["left_title", "left_body", "right_title", "right_body"], "join_fields": True, "cross": True},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_every_piece_is_found_again_where_the_model_reads_it(
    backbones: dict[str, Path], kind: str, layout: dict[str, Any]
) -> None:
    vocab = vocabulary(backbones[kind], **layout)
    assert vocab.frame is not None
    generator = random.Random(0)
    words = [*TEXT.split(" "), "zebra", "It was.", "dogs"]
    texts = [
        [" ".join(generator.choices(words, k=generator.choice([0, 1, 5, 20]))) for _ in vocab.columns]
        for _ in range(30)
    ]
    indexed = index_records(vocab, [*texts, [""] * len(vocab.columns)])
    found = {MARK: 0}
    for row, own in enumerate([*texts, [""] * len(vocab.columns)]):
        spans = spans_of(vocab, own)
        places = places_of(vocab, spans)
        ids = indexed.batch(np.array([row])).tokens["tokens"].values.numpy()
        assert len(ids) == len(places)
        for place, index in zip(places.tolist(), ids.tolist(), strict=True):
            found[place] = found.get(place, 0) + 1
            if place == MARK:
                assert vocab.words()[index] in ("[CLS]", "[SEP]", "[EMPTY]", "<s>", "</s>")
            else:
                piece = vocab.words()[index].removeprefix("##")
                assert piece in (spans[place].text.lower(), "[UNK]", "<unk>")
    assert found[MARK] > len(texts)
    assert len(found) > 10


def in_transformers(model: Any, text: str, folder: Path) -> tuple[Any, Tensor, Any]:
    """The model's logits as transformers computes them from the vectors of words `(1, L, D)`, these, and the tokens."""
    from transformers import AutoModel, AutoTokenizer

    theirs = AutoModel.from_pretrained(folder).eval()
    given = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_special_tokens_mask=True)
    words = theirs.get_input_embeddings()(given["input_ids"]).detach()

    def logits(vectors: Tensor) -> Tensor:
        first = theirs(inputs_embeds=vectors).last_hidden_state[:, 0]
        logits: Tensor = model.projection(first)
        return logits

    return logits, words, given


@pytest.mark.parametrize("kind", ["bert", "roberta", "mpnet"])
def test_attributions_are_those_of_captum_over_the_model_of_transformers(backbones: dict[str, Path], kind: str) -> None:
    model = build(backbones[kind], "encoder=cls_pooler", "dropout=0", columns=["text"])
    text = "the cat sat on zebra mats"
    logits, words, given = in_transformers(model, text, backbones[kind])
    special = given["special_tokens_mask"].bool().unsqueeze(2)
    expected = IntegratedGradients(logits).attribute(
        words, words * special, target=1, n_steps=20, method="gausslegendre"
    )
    own = model.explain([text, "a dog"], "odd", steps=20)[0]
    assert own.logit == pytest.approx(logits(words)[0, 1].item(), abs=1e-5)
    assert own.baseline == pytest.approx(logits(words * special)[0, 1].item(), abs=1e-5)
    assert [token.attribution for token in own.tokens] == pytest.approx(
        expected.sum(dim=2)[~special[..., 0]].tolist(), abs=1e-5
    )
    assert abs(own.completeness_error) < 1e-3
    assert [text[token.start : token.end] for token in own.tokens] == [token.text for token in own.tokens]


@pytest.mark.parametrize(
    ("overrides", "options"),
    [
        (["multifield=attention", "embedder.mix_layers=2"], {}),
        (["multifield=bag"], {"segment": "windows", "max_length": 6, "overlap": 1}),
        (["multifield=none", "embedder.freeze=true"], {"join_fields": True}),
        (["multifield=concat", "wide=ngrams"], {}),
        (["multifield=concat", "embedder.lora_rank=2"], {"max_length": 5}),
    ],
    ids=str,
)
def test_attributions_add_up_whatever_stands_behind_the_pretrained_model(
    backbones: dict[str, Path], overrides: list[str], options: dict[str, Any]
) -> None:
    model = build(backbones["bert"], "encoder=cls_pooler", *overrides, **options)
    if model.wide is not None:
        model.wide.count(index_records(model.vocab, RECORDS).batches())
        torch.nn.init.normal_(model.wide.weight)
    for method in ("integrated_gradients", "gradient_x_input"):
        for row, own in enumerate(model.explain(RECORDS, "spam", method, steps=64)):
            added = sum(token.attribution for token in own.tokens)
            assert own.logit - own.baseline - added == pytest.approx(own.completeness_error, abs=1e-4)
            assert sum(own.fields.values()) == pytest.approx(added, abs=1e-5)
            if method == "integrated_gradients":
                assert own.completeness_error == pytest.approx(0, abs=0.02)
                assert (added == 0) == (row == 3)
    logits = model(index_records(model.vocab, RECORDS).batch(np.arange(4)))["logits"][:, 2].tolist()
    assert [own.logit for own in model.explain(RECORDS, "spam")] == pytest.approx(logits, abs=1e-5)


def test_record_vectors_of_a_pretrained_model_are_what_its_head_reads(backbones: dict[str, Path]) -> None:
    model = build(backbones["bert"], "encoder=cls_pooler", "multifield=concat")
    vectors = model.embed(RECORDS)
    expected = model.forward_tokens(index_records(model.vocab, RECORDS).batch(np.arange(4))).detach().numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_columns_of_kinds_keep_their_place(backbones: dict[str, Path]) -> None:
    vocab = vocabulary(backbones["bert"], ["title", "brand"], kinds={"brand": Column("brand")})
    spans = spans_of(vocab, ["the cat", "A C"])
    assert places_of(vocab, spans).tolist() == [MARK, 0, 1, MARK, MARK, 2, MARK]
