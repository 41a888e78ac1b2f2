"""Columns of categories and of numbers, from the file to the prediction."""

import csv
import random
from pathlib import Path

import numpy as np
import pytest
import yaml

from seqclf.batch import EMPTY
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.evaluate import evaluate
from seqclf.run.predict import predict
from seqclf.run.results import RunResult
from seqclf.run.train import train
from seqclf.text.columns import Column, with_tokens
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

DATA = ("data=files", "data.categorical=[brand]", "data.numeric=[price]")
QUICK = ("trainer.progress_bar=false", "data.batch_size=16", "embedder.buckets=100", "baselines=false")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_csv(path: Path, rows: int, seed: int = 0, brands: str = "AB", more: list[list[str]] | None = None) -> Path:
    """The brand decides, and for one brand the price; the text says nothing."""
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["price", "text", "brand", "label"])
        for _ in range(rows):
            brand, price = generator.choice(brands), generator.uniform(0, 1000)
            label = "cheap" if brand == "A" and price < 500 else "dear" if brand == "A" else "other"
            writer.writerow([f"{price:.2f}", generator.choice(["it", "is", "so"]), brand, label])
        writer.writerows(more or [])
    return path


def run(*overrides: str) -> RunResult:
    return train(compose(*DATA, *QUICK, *overrides))


@pytest.mark.parametrize("segment", [None, "sentences"])
@pytest.mark.parametrize("inside", [(), ("characters",)])
def test_a_column_is_a_field_of_one_token(segment: str | None, inside: tuple[str, ...]) -> None:
    from seqclf.text.vocabulary import WORD_INDEXERS

    kinds = {"brand": Column("brand"), "price": Column("price", (10.0, 20.0))}
    tokenizer = with_tokens(Tokenization().train(["one two."]), ["brand: A B", "price: 0", "price: 1", "price: 2"])
    indexers = {name: WORD_INDEXERS[name].fit({"one": 1, "two": 1}) for name in inside}
    vocab = Vocabulary(
        tokenizer, ["a", "b"], ("text", "brand", "price"), word_indexers=indexers, segment=segment, kinds=kinds
    )
    records = [("One two. Two", "A B", "15"), ("", " ", ""), ("", "C. D", "-1e3"), ("two", "", "20")]
    batch = index_records(vocab, records).batch(np.arange(4))
    tokens = batch.tokens["tokens"]
    rows = [
        [tokenizer.id_to_token(int(index)) for index in row]
        for row in tokens.values.split(tokens.rows.lengths.tolist())
    ]
    first = [["one", "two", ".", "two"]] if segment is None else [["one", "two", "."], ["two"]]
    assert rows == [*first, ["brand: A B"], ["price: 1"], ["[EMPTY]"], ["[UNK]"], ["price: 0"], ["two"], ["price: 2"]]
    places = [0, 1, 2, 0, 1, 2, 0, 2] if segment is None else [0, 1, 2, 3, 0, 0, 1, 0, 1]
    assert batch.records.positions is not None
    assert batch.records.positions.tolist() == places
    assert EMPTY in tokens.values


def test_a_model_learns_from_columns_alone_and_predicts_as_it_was_tested() -> None:
    test = write_csv(Path("test.csv"), 60, seed=9, more=[["", "it", "", "other"], ["5", "is", "Unheard", "other"]])
    overrides = ("multifield=concat", "feedforward=default", "trainer.max_epochs=12", "optimizer.lr=0.1")
    result = run(f"data.train={write_csv(Path('train.csv'), 400)}", f"data.test={test}", *overrides)
    assert result.metrics["test/accuracy"] > 0.85
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.vocab.fields == ("text", "brand", "price")
    figures = evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": str(test)})
    assert figures["test/loss"] == pytest.approx(result.metrics["test/loss"], abs=1e-6)
    assert predict(str(result.model_dir), str(test), "out.csv") == 62
    assert Path("out.csv").read_text() == (result.run_dir / "predictions.csv").read_text()
    with Path("out.csv").open() as file:
        first = next(csv.DictReader(file))
    record = {"text": first["text"], "brand": first["brand"], "price": float(first["price"])}
    assert model.predict([record])[0].probabilities["dear"] == pytest.approx(float(first["probability/dear"]), abs=1e-6)
    with pytest.raises(UserError, match="'price' must be a number, but is 'much'"):
        model.predict([{"price": "much"}])


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_cell_that_is_no_number_is_refused_with_its_place(split: str) -> None:
    good, bad = write_csv(Path("good.csv"), 40), write_csv(Path("bad.csv"), 40, more=[["12 EUR", "it", "A", "dear"]])
    files = {"train": good, "test": good, split: bad}
    with pytest.raises(UserError, match=r"bad\.csv, line 42, column 'price': '12 EUR' is no number"):
        run(*(f"data.{name}={file}" for name, file in files.items()))
    result = run(f"data.train={good}", "trainer.max_epochs=1")
    with pytest.raises(UserError, match=r"bad\.csv, line 42, column 'price'"):
        predict(str(result.model_dir), str(bad), "out.csv")
    with pytest.raises(UserError, match=r"bad\.csv, line 42, column 'price'"):
        evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": str(bad)})


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.numeric=[cost]"], ["no column 'cost'", "data.numeric"]),
        (["data.numeric=[brand]"], ["'brand'", "twice"]),
        (["data.categorical=[label]"], ["'label'", "data.categorical"]),
        (["data.categorical=brand"], ["data.categorical", "list"]),
        (["data.left=[text]", "data.right=[text]", "task=pair"], ["data.categorical", "pairs"]),
    ],
)
def test_columns_that_make_no_sense_are_refused(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        run(f"data.train={write_csv(Path('train.csv'), 40)}", *overrides)
    for word in words:
        assert word in str(caught.value)


def test_columns_are_enough_and_joined_or_alone_they_train() -> None:
    file = write_csv(Path("train.csv"), 60)
    for overrides in (["multifield=none"], ["data.text=[]"], ["data.text=[]", "data.numeric=null"]):
        assert run(f"data.train={file}", "trainer=debug", *overrides).metrics["steps"] == 2


def test_new_categories_come_behind_and_bins_stay_when_a_run_starts_from_a_model() -> None:
    result = run(f"data.train={write_csv(Path('train.csv'), 60)}", "trainer.max_epochs=1")
    before = SequenceClassifier.from_pretrained(result.model_dir)
    more = write_csv(Path("more.csv"), 60, seed=3, brands="ABZ", more=[["99999", "fresh", "A", "dear"]] * 9)
    config = compose(f"init_from={result.model_dir}", "data=files", f"data.train={more}", *QUICK[:2], "trainer=debug")
    after = SequenceClassifier.from_pretrained(train(config).model_dir)
    assert after.vocab.kinds == before.vocab.kinds
    assert after.vocab.words()[: before.vocab.size()] == before.vocab.words()
    assert {"fresh", "brand: Z"} <= set(after.vocab.words()[before.vocab.size() :])
    with pytest.raises(UserError, match="categorical brand, numeric price"):
        train(
            compose(f"init_from={result.model_dir}", "data=files", f"data.train={more}", "data.text=[text,brand,price]")
        )


def test_a_broken_folder_is_refused(tmp_path: Path) -> None:
    from tests.inference.test_model_folder import remake_manifest

    result = run(f"data.train={write_csv(Path('train.csv'), 60)}", "trainer=debug")
    for kinds in ({"brand": None, "other": None}, {"price": [2, 1]}):
        config = yaml.safe_load((result.model_dir / "config.yaml").read_text())
        config["kinds"] = kinds
        (result.model_dir / "config.yaml").write_text(yaml.safe_dump(config))
        remake_manifest(result.model_dir)
        with pytest.raises(UserError, match="kinds"):
            SequenceClassifier.from_pretrained(result.model_dir)
