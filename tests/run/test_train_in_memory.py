import json
import random
from pathlib import Path
from typing import Any

import pytest

from seqclf import SequenceClassifier, UserError, compose, train
from seqclf.run.repeat import repeat

pandas: Any = pytest.importorskip("pandas")
datasets: Any = pytest.importorskip("datasets")

QUICK = ("trainer.max_epochs=2", "trainer.progress_bar=false", "baselines=false", "embedder.buckets=500")
COLUMNS = ("data.text=[title,body]", "data.label=topic")
IN_MEMORY = ("data=memory", *COLUMNS, *QUICK)


def frame(rows: int = 60, seed: int = 0) -> Any:
    generator = random.Random(seed)
    topics = [generator.choice(["up", "down"]) for _ in range(rows)]
    titles = [topic if generator.random() < 0.8 else None for topic in topics]
    return pandas.DataFrame(
        {"id": range(rows), "title": titles, "body": [f"it goes {t}" for t in topics], "topic": topics}
    )


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def weights(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())["model.safetensors"]


def test_frames_data_sets_and_files_of_the_same_records_give_the_same_model() -> None:
    learned, held_out = frame(), frame(20, seed=1)
    learned.to_csv("train.csv", index=False)
    held_out.to_csv("test.csv", index=False)
    files = train(compose("data=files", "data.train=train.csv", "data.test=test.csv", *COLUMNS, *QUICK))
    frames = train(compose(*IN_MEMORY), train=learned, test=held_out)
    sets = train(
        compose(*IN_MEMORY),
        train=datasets.Dataset.from_pandas(learned),
        test=datasets.Dataset.from_pandas(held_out),
    )
    assert weights(frames.model_dir) == weights(files.model_dir) == weights(sets.model_dir)
    assert frames.metrics["test/accuracy"] == files.metrics["test/accuracy"]
    texts = [(result.run_dir / "predictions.csv").read_text() for result in (files, frames, sets)]
    assert texts[0] == texts[1] == texts[2]
    said = json.loads((frames.run_dir / "provenance.json").read_text())["data"]
    assert said["train"]["name"] == "train (DataFrame)"
    assert said["train"]["sha256"] != said["test"]["sha256"]
    with pytest.raises(UserError, match="there are no tables in memory"):
        repeat(str(frames.run_dir), "again")
    assert not Path("again").exists()


def test_a_model_reads_a_frame_and_answers_with_one() -> None:
    data = frame().set_index("id", drop=False).iloc[::-1]
    result = train(compose(*IN_MEMORY), train=data, validation=frame(20, seed=1))
    model = SequenceClassifier.from_pretrained(result.model_dir)
    told = model.predict(data)
    assert list(told.index) == list(data.index)
    assert list(told.columns) == ["prediction", "probability", *(f"probability/{name}" for name in model.vocab.labels)]
    records = [{"title": row["title"] or None, "body": row["body"]} for row in data.to_dict("records")]
    records = [{name: value if isinstance(value, str) else None for name, value in each.items()} for each in records]
    one_by_one = model.predict(records)
    assert list(told["prediction"]) == [each.label for each in one_by_one]
    assert list(told["probability"]) == [each.probability for each in one_by_one]
    assert list(told["probability/up"]) == [each.probabilities["up"] for each in one_by_one]
    assert model.predict(datasets.Dataset.from_pandas(data)) == one_by_one
    figures = model.evaluate(data, "topic")
    assert figures == model.evaluate(records, list(data["topic"])) == model.evaluate(data, data["topic"])
    assert figures["accuracy"] == (told["prediction"] == data["topic"]).mean()
    assert (model.embed(data) == model.embed(records)).all()
    assert model.explain(data.iloc[:2]) == model.explain(records[:2])
    with pytest.raises(UserError, match="has none of the model's columns"):
        model.predict(data[["topic"]])
    with pytest.raises(UserError, match=r"no column 'topics'.*Did you mean 'topic'"):
        model.evaluate(data, "topics")
    with pytest.raises(UserError, match="must be a list of labels"):
        model.evaluate(records, "topic")


def test_labels_that_are_numbers_are_text() -> None:
    data = frame()
    data["topic"] = (data["topic"] == "up").astype(int)
    result = train(compose(*IN_MEMORY), train=data)
    model = SequenceClassifier.from_pretrained(result.model_dir)
    assert model.output_classes == ["0", "1"]
    assert model.evaluate(data, data["topic"]) == model.evaluate(data, "topic")


def test_folds_of_a_table_in_memory() -> None:
    result = train(compose(*IN_MEMORY, "cv=2"), train=frame())
    assert len((result.run_dir / "predictions.csv").read_text().splitlines()) == 61


def test_tables_and_configuration_go_together() -> None:
    with pytest.raises(UserError, match='"data=memory"'):
        train(compose(*QUICK), train=frame())
    with pytest.raises(UserError, match="no train="):
        train(compose(*IN_MEMORY), test=frame())
    with pytest.raises(UserError, match="there are no tables in memory"):
        train(compose(*IN_MEMORY))


def test_a_run_on_tables_in_memory_goes_on_with_the_same_tables_alone() -> None:
    learned = frame()
    first = train(compose(*IN_MEMORY), train=learned)
    longer = [f"resume={first.run_dir}", "trainer.max_epochs=4"]
    with pytest.raises(UserError, match=r"there are no tables in memory.*resumed by train\(cfg, train=\.\.\.\)"):
        train(compose(*longer))
    changed = learned.assign(body=learned["body"].str.upper())
    with pytest.raises(UserError, match=r"data.train has changed.*force=true"):
        train(compose(*longer), train=changed)
    again = train(compose(*longer), train=learned.copy())
    assert (again.run_dir, again.metrics["epochs"]) == (first.run_dir, 4)
    whole = train(compose(*IN_MEMORY, "trainer.max_epochs=4"), train=learned)
    assert whole.metrics["epochs"] == 4
