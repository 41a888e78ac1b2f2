"""Documents: `tokens.segment=sentences`, a record as a list of sequences."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from seqclf.batch import EMPTY
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.evaluate import evaluate
from seqclf.run.predict import predict
from seqclf.run.results import RunResult
from seqclf.run.train import train
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

QUICK = (
    "tokens.segment=sentences",
    "trainer.max_epochs=1",
    "trainer.progress_bar=false",
    "data.batch_size=16",
    "embedder.buckets=100",
)
WORDS = {"pos": "good", "neg": "bad"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def document(generator: random.Random, label: str) -> str:
    filler = [f"The {generator.choice('abc')} was {generator.choice('xyz')}." for _ in range(generator.randint(0, 4))]
    filler.insert(generator.randint(0, len(filler)), f"It is {WORDS[label]}!")
    return " ".join(filler)


def write_csv(path: Path, rows: int, seed: int = 0) -> Path:
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(rows):
            label = ["pos", "neg"][row % 2]
            writer.writerow([document(generator, label), label])
    return path


def run(*overrides: str) -> RunResult:
    return train(compose("data=files", "multifield=bag", *QUICK, *overrides))


def vocabulary(texts: list[str], fields: tuple[str, ...] = ("text",), num_inputs: int = 1) -> Vocabulary:
    columns = [f"{field}{side}" for side in range(num_inputs) for field in fields]
    tokenizer = Tokenization().train(texts)
    return Vocabulary(tokenizer, ["a", "b"], fields, columns=columns, segment="sentences")


def test_each_sentence_is_a_sequence_and_its_place_is_its_position() -> None:
    vocab = vocabulary(["One two. Three! Four five six? ."], ("title", "body"))
    records = index_records(vocab, [("One two.", "Three! Four five six?"), ("", ""), (" ... ", "Three!"), ("", "One.")])
    batch = records.batch(np.arange(4))
    tokens = batch.tokens["tokens"]
    rows = tokens.values.split(tokens.rows.lengths.tolist())
    words = [" ".join(vocab.tokenizer.id_to_token(int(index)) for index in row) for row in rows]
    assert words == ["one two .", "three !", "four five six ?", "[EMPTY]", ". . .", "three !", "one ."]
    assert batch.records.lengths.tolist() == [3, 1, 2, 1]
    assert batch.records.positions is not None
    assert batch.records.positions.tolist() == [0, 1, 2, 0, 0, 1, 0]
    assert rows[3].tolist() == [EMPTY]


def test_the_two_records_of_a_pair_are_cut_each_by_itself() -> None:
    vocab = vocabulary(["one. two three."], num_inputs=2)
    batch = index_records(vocab, [("One. Two. Three.", ""), ("One.", "Two. Three.")]).batch(np.array([1, 0]))
    assert batch.num_inputs == 2
    assert batch.records.lengths.tolist() == [1, 2, 3, 1]


def test_numbering_many_records_is_numbering_each() -> None:
    generator = random.Random(1)
    texts = [(document(generator, "pos") if generator.random() < 0.8 else "",) for _ in range(50)]
    vocab = vocabulary([text for record in texts for text in record])
    together = index_records(vocab, texts).batch(np.arange(50))
    alone = [index_records(vocab, [record]).batch(np.arange(1)) for record in texts]
    assert torch.equal(together.tokens["tokens"].values, torch.cat([batch.tokens["tokens"].values for batch in alone]))
    assert together.records.lengths.tolist() == [int(batch.records.lengths[0]) for batch in alone]


@pytest.mark.parametrize("multifield", ["bag", "attention", "lstm", "cnn", "transformer"])
def test_multifield_encoders_read_sentences(multifield: str) -> None:
    result = run(f"data.train={write_csv(Path('train.csv'), 60)}", f"multifield={multifield}", "baselines=false")
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.vocab.segment == "sentences"
    assert model.multifield_seq2vec_encoder is not None


def test_a_run_is_the_same_at_prediction_and_shows_texts_as_they_were_read() -> None:
    test = write_csv(Path("test.csv"), 31, seed=5)
    result = run(
        f"data.train={write_csv(Path('train.csv'), 200)}",
        f"data.test={test}",
        "multifield_seq2seq=gru",
        "multifield=attention",
        "trainer.max_epochs=6",
    )
    assert result.metrics["test/accuracy"] > 0.9
    figures = evaluate(str(result.model_dir), {"_target_": "seqclf.data.files.Files", "test": str(test)})
    assert figures["test/loss"] == pytest.approx(result.metrics["test/loss"], abs=1e-6)
    assert predict(str(result.model_dir), str(test), "out.csv") == 31
    written = Path("out.csv").read_text()
    assert written == (result.run_dir / "predictions.csv").read_text()
    with test.open() as one, Path("out.csv").open() as other:
        assert [row["text"] for row in csv.DictReader(one)] == [row["text"] for row in csv.DictReader(other)]


def test_lists_of_texts_are_segments_and_are_shown_as_lists() -> None:
    generator = random.Random(0)
    with Path("train.jsonl").open("w") as file:
        for row in range(60):
            label = ["pos", "neg"][row % 2]
            texts = document(generator, label).split(". ")
            print(json.dumps({"text": texts if row % 3 else " ".join(texts), "label": label}), file=file)
    result = run("data.train=train.jsonl")
    model = SequenceClassifier.from_pretrained(result.model_dir)
    texts = ["It is good! He said. Dr.", "", "No"]
    vocab = model.vocab
    by_name, alone, joined = model.predict([{"text": texts}, texts, " ".join(texts)])
    assert by_name == alone
    assert by_name.probabilities != joined.probabilities
    Path("new.jsonl").write_text(json.dumps({"text": texts}) + "\n" + json.dumps({"text": "It is bad."}) + "\n")
    assert predict(str(result.model_dir), "new.jsonl", "out.jsonl") == 2
    first, second = map(json.loads, Path("out.jsonl").read_text().splitlines())
    assert (first["text"], second["text"]) == (texts, "It is bad.")
    assert first["probability/pos"] == pytest.approx(by_name.probabilities["pos"], abs=1e-6)
    assert predict(str(result.model_dir), "new.jsonl", "out.csv") == 2
    with Path("out.csv").open() as stream:
        assert json.loads(next(csv.DictReader(stream))["text"]) == texts
    assert vocab.tokenizer.token_to_id("good") is not None
    assert vocab.tokenizer.token_to_id("\ufdd0") is None


def test_a_list_without_segments_is_refused_with_its_place() -> None:
    Path("train.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": ["a", "b"], "label": "y"}\n')
    with pytest.raises(UserError, match=r"train\.jsonl, line 2, column 'text'.*tokens\.segment=sentences"):
        train(compose("data=files", "data.train=train.jsonl"))
    file = write_csv(Path("train.csv"), 40)
    result = train(compose("data=files", f"data.train={file}", *QUICK[1:], "baselines=false"))
    with pytest.raises(UserError, match=r"train\.jsonl, line 2, column 'text'"):
        predict(str(result.model_dir), "train.jsonl", "out.csv")
    with pytest.raises(UserError, match="must be text"):
        SequenceClassifier.from_pretrained(result.model_dir).predict([{"text": ["a", "b"]}])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("multifield=concat", ["multifield", "Concat", "bag"]),
        ("multifield=gated_sum", ["multifield", "GatedSum"]),
        ("multifield=none", ["tokens.segment=sentences", "multifield=bag"]),
        ("multifield.separate_encoders=true", ["multifield.separate_encoders"]),
        ("multifield.field_embeddings=true", ["multifield.field_embeddings"]),
        ("tokens.segment=paragraphs", ["tokens.segment", "sentences"]),
    ],
)
def test_parts_with_a_place_for_each_field_are_refused(override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        run(f"data.train={write_csv(Path('train.csv'), 40)}", override)
    for word in words:
        assert word in str(caught.value)


def test_it_goes_on_from_a_model_of_sentences() -> None:
    result = run(f"data.train={write_csv(Path('train.csv'), 60)}", "baselines=false")
    config = compose(f"init_from={result.model_dir}", "data=files", "data.train=train.csv", *QUICK[1:-1])
    again = SequenceClassifier.from_pretrained(train(config).model_dir)
    assert again.vocab.segment == "sentences"
