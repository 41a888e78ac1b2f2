"""Token features from the command line's configuration to a prediction."""

from pathlib import Path

import pytest

from seqclf import SequenceClassifier, compose, train
from seqclf.run.train import RunResult

ROWS = [
    ("a good film , lovely and warm", "good"), ("dreadful , dull and cold", "bad"),
    ("lovely acting , warm light", "good"), ("a cold and dull story", "bad"),
] * 10  # fmt: skip


def run(folder: Path, *overrides: str) -> RunResult:
    file = folder / "films.csv"
    file.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS))
    data = ["data=files", f"data.train={file}", f"data.test={file}", "data.label=label", "data.validation_size=8"]
    small = ["trainer=debug", "baselines=false", "trainer.progress_bar=false", "logger=none"]
    return train(compose(*data, *small, *overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["embedder=characters", "encoder@embedder.encoder=bag"],
        ["embedder=char_ngrams", "embedder.buckets=500"],
        ["embedder=pieces"],
        ["embedder=pieces", "embedder.model=wordpiece", "embedder.max_size=60"],
        ["embedder=pieces", "embedder.model=unigram", "embedder.max_size=60"],
        ["embedder=word_counts", "encoder.mode=sum"],
        ["tokens=bpe", "tokens.max_size=50"],
        ["embedder=several", "embedder.names=[word,characters,word_counts]", "embedder.combine=project"],
    ],
)
def test_every_token_feature_trains_saves_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path, *overrides)
    model = SequenceClassifier.from_pretrained(result.model_dir)
    found = model.predict(["lovely light", "dull ünseen", ""])
    lines = (result.run_dir / "predictions.csv").read_text().splitlines()
    assert len(lines) == 1 + len(ROWS)
    again = model.predict([text for text, _ in ROWS])
    assert [line.split(",")[-1] for line in lines[1:]] == [
        format(each.probabilities["good"], ".8g") for each in again
    ]  # fmt: skip
    assert all(set(each.probabilities) == {"good", "bad"} for each in found)


def test_the_documents_of_the_training_split_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path, "embedder=word_counts")
    model = SequenceClassifier.from_pretrained(result.model_dir)
    embedder = model.text_field_embedder.token_embedders["tokens"]
    assert embedder.documents == len(ROWS) - 8
    seen = dict(zip(model.vocab.words(), embedder.document_frequency.tolist(), strict=True))
    assert seen["cold"] + seen["warm"] == len(ROWS) - 8
