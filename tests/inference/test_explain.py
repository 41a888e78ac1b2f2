import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from seqclf.build import build_classifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.inference.spans import spans_of
from seqclf.nn.token_margins import token_margins
from seqclf.parts import make
from seqclf.run.compose import compose, plain, with_choices
from seqclf.run.explain import explain as explain_file
from seqclf.text.characters import Characters
from seqclf.text.columns import Column, with_tokens
from seqclf.text.pieces import Pieces
from seqclf.text.vocabulary import Vocabulary
from seqclf.token_features import count_documents, word_indexers

FIELDS = ["title", "body"]
TEXTS = [["Win MONEY now!", "see you at the caf\u00e9"], ["", "Lunch, money"], ["a strange thing", ""], ["", ""]]


def build(*overrides: str, fields: list[str] = FIELDS, columns: list[str] | None = None, **layout: Any) -> Any:
    """A model whose parameters are far from zero, as after training."""
    torch.manual_seed(0)
    config = plain(compose(*with_choices(list(overrides)), "embedder.embedding_dim=8"))
    tokenization = make(config["tokens"], "tokens", rooms=("seqclf.text.",))
    tokenizer = tokenization.train(text for record in TEXTS for text in record)
    indexers = {"characters": Characters, "pieces": Pieces}
    words = {word: 1 for record in TEXTS for text in record for word in tokenization.cutter(text)}
    inside = {name: indexers[name].fit(words, **options) for name, options in word_indexers(config["embedder"]).items()}
    vocab = Vocabulary(
        tokenizer,
        ["ham", "odd", "spam"],
        fields,
        config["multifield"].get("_target_") is None,
        columns,
        inside,
        **layout,
    )
    model = build_classifier(config, vocab)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    records = index_records(vocab, TEXTS if len(vocab.columns) == 2 else [[*own, *own] for own in TEXTS])
    count_documents(model.text_field_embedder, records.batches)
    if model.wide is not None:
        model.wide.count(records.batches())
    return model.eval()


EMBEDDERS = [
    (),
    ("embedder.ngrams=3", "embedder.combine=concat", "wide=none"),
    ("embedder=characters", "wide=none"),
    ("embedder=char_ngrams",),
    ("embedder=pieces", "embedder.max_size=60", "wide=none"),
    ("embedder=word_counts", "encoder.mode=sum"),
    ("tokens=bpe", "tokens.max_size=60"),
    ("multifield=none",),
    ("wide.ngrams=3", "wide.char_weight=0.5", "embedder=char_ngrams"),
]


@pytest.mark.parametrize("overrides", EMBEDDERS, ids=" ".join)
def test_attributions_of_a_bag_add_up_exactly_whatever_embeds_its_words(overrides: tuple[str, ...]) -> None:
    model = build("encoder=bag", *overrides)
    records = [dict(zip(FIELDS, own, strict=True)) for own in TEXTS]
    logits = model(index_records(model.vocab, TEXTS).batch(np.arange(len(TEXTS))))["logits"].detach()
    for method in ("integrated_gradients", "gradient_x_input"):
        for row, found in enumerate(model.explain(records, "spam", method)):
            assert found.logit == pytest.approx(float(logits[row, 2]), abs=1e-4)
            total = sum(token.attribution for token in found.tokens)
            assert found.baseline is not None
            assert found.baseline + total == pytest.approx(found.logit, abs=1e-4)
            assert found.completeness_error == pytest.approx(0, abs=1e-4)
            assert sum(found.fields.values()) == pytest.approx(total, abs=1e-4)
            for token in found.tokens:
                assert found.texts[token.field][token.start : token.end] == token.text or token.start == token.end


@pytest.mark.parametrize("encoder", ["lstm", "cnn", "transformer", "attention"])
def test_more_steps_make_the_completeness_error_small(encoder: str) -> None:
    model = build(f"encoder={encoder}", "multifield=attention", "feedforward=default")
    few, many = (model.explain(TEXTS, "ham", steps=steps) for steps in (2, 400))
    worst = max(abs(one.completeness_error) for one in many)
    assert worst < 2e-3
    assert worst < max(abs(one.completeness_error) for one in few)
    assert all(sum(weight for _, weight in one.field_weights) == pytest.approx(1) for one in many)
    assert [name for name, _ in many[0].field_weights] == FIELDS


def test_integrated_gradients_are_those_of_captum() -> None:
    model = build("encoder=lstm", "multifield=concat")
    records = index_records(model.vocab, TEXTS[:1])
    batch = records.batch(np.arange(1))
    vectors = model.token_vectors(batch)

    def logits(values: Tensor) -> Tensor:
        return torch.cat([model.logits_from(vectors.with_values(each), batch) for each in values])

    reference = IntegratedGradients(logits).attribute(
        vectors.values.detach().unsqueeze(0), target=1, n_steps=20, method="gausslegendre"
    )
    own = model.explain(TEXTS[:1], "odd", steps=20)[0]
    expected = reference.sum(dim=2).squeeze(0).tolist()
    assert [token.attribution for token in own.tokens] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("overrides", [(), ("wide.char_weight=0.7", "wide.ngrams=3")], ids=" ".join)
def test_what_tokens_add_to_a_wide_term_is_all_of_it(overrides: tuple[str, ...]) -> None:
    model = build("encoder=bag", "embedder=char_ngrams", *overrides)
    batch = index_records(model.vocab, TEXTS).batch(np.arange(len(TEXTS)))
    rows = batch.tokens["tokens"].rows
    record = batch.records.row_of_value(batch.device)[rows.row_of_value(batch.device)]
    total = torch.zeros(len(TEXTS), 3).index_add(0, record, token_margins(model.wide, batch)) + model.wide.bias
    torch.testing.assert_close(total, model.wide(batch), atol=1e-5, rtol=1e-5)


def test_leaving_a_word_out_is_reading_the_text_without_it() -> None:
    model = build("encoder=lstm")
    found = model.explain(TEXTS[:1], "spam", "leave_one_out")[0]

    def logit(title: str, body: str) -> float:
        return model(index_records(model.vocab, [[title, body]]).batch(np.arange(1)))["logits"][0, 2].item()

    whole = logit(*TEXTS[0])
    assert [token.text for token in found.tokens[:2]] == ["Win", "MONEY"]
    assert found.tokens[1].attribution == pytest.approx(whole - logit("Win now!", TEXTS[0][1]), abs=1e-5)
    assert found.fields["body"] == pytest.approx(whole - logit(TEXTS[0][0], ""), abs=1e-5)
    assert (found.baseline, found.completeness_error) == (None, None)


def test_pairs_sentences_lists_and_columns_keep_their_own_words() -> None:
    columns = ["left_title", "left_body", "right_title", "right_body"]
    pair = build("task=pair", "encoder=lstm", columns=columns)
    found = pair.explain([{"left_title": "Win MONEY", "right_body": "Lunch!"}])[0]
    assert [(token.field, token.text) for token in found.tokens] == [
        ("left_title", "Win"), ("left_title", "MONEY"), ("right_body", "Lunch"), ("right_body", "!"),
    ]  # fmt: skip
    assert set(found.fields) == {"left_title", "right_body"}
    several = build("encoder=lstm", "multifield=attention", segment="sentences")
    for body in ("Lunch now. See you!", ["Lunch now.", "See you!"]):
        found = several.explain([{"title": "Win", "body": body}])[0]
        assert [token.text for token in found.tokens] == ["Win", "Lunch", "now", ".", "See", "you", "!"]
        assert [found.texts[token.field][token.start : token.end] for token in found.tokens][4:] == ["See", "you", "!"]
        assert [name for name, _ in found.field_weights] == ["sentence 1", "sentence 2", "sentence 3"]
        left_out = several.explain([{"title": "Win", "body": body}], method="leave_one_out")[0]
        assert all(token.attribution for token in left_out.tokens)
    kinds = {"size": Column("size", (1.0, 2.0)), "brand": Column("brand")}
    tokenizer = with_tokens(pair.vocab.tokenizer, ["brand: A C", *kinds["size"].bins()])
    mixed = Vocabulary(tokenizer, ["ham", "spam"], ["title", "size", "brand"], kinds=kinds)
    spans = spans_of(mixed, ["Win!", " 1.5", "A C "])
    assert [(span.column, span.start, span.end, span.text) for span in spans] == [
        (0, 0, 3, "Win"), (0, 3, 4, "!"), (1, 1, 4, "1.5"), (2, 0, 3, "A C"),
    ]  # fmt: skip


def test_mistakes_are_said() -> None:
    model = build("encoder=bag")
    with pytest.raises(UserError, match=r"There is no label 'span'\. Did you mean 'spam'"):
        model.explain(TEXTS, "span")
    with pytest.raises(UserError, match="4 records, but 1 labels"):
        model.explain(TEXTS, ["spam"])
    with pytest.raises(UserError, match="Did you mean 'integrated_gradients'"):
        model.explain(TEXTS, method="integrated_gradient")


def test_a_file_is_explained_as_a_page_lines_and_objects(tmp_path: Path) -> None:
    model = build("encoder=cnn", "multifield=attention")
    folder = model.save_pretrained(tmp_path / "model")
    (tmp_path / "in.csv").write_text("title,body\nWin <b>money</b>,\nsee,you\n", encoding="utf-8")
    said = (str(folder), str(tmp_path / "in.csv"))
    assert explain_file(*said, str(tmp_path / "out.html")) == 2
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert "<b>money" not in page
    assert page.count("<section") == 2
    assert explain_file(*said, str(tmp_path / "out.jsonl"), limit=1) == 1
    held = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert [token["text"] for token in held["tokens"]][:2] == ["Win", "<"]
    explain_file(*said, str(tmp_path / "out.csv"), label="odd", method="leave_one_out")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["explained"] for row in rows} == {"odd"}
    assert rows[-1]["token"] == "you"
    with pytest.raises(UserError, match=r"\.html, \.csv, \.jsonl"):
        explain_file(*said, str(tmp_path / "out.txt"))
