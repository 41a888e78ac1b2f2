import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.record_vectors import nearest_vectors, record_vectors
from seqclf.run.compose import compose
from seqclf.run.explore import explore
from seqclf.run.train import train

WORDS = {"a": ["apple", "fig"], "b": ["bolt", "nut"], "c": ["carp", "eel"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on records of two fields, some of them mislabelled."""
    folder = tmp_path_factory.mktemp("explore")
    rng = np.random.default_rng(0)
    for name, size in (("train", 120), ("test", 60)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["title", "body", "label"])
            for number in range(size):
                label = "abc"[number % 3]
                said = "abc"[int(rng.integers(3))] if number % 10 == 0 else label
                words = [str(word) for word in rng.choice(WORDS[said], size=5)]
                writer.writerow(["" if number % 4 == 0 else "<b>\U0001f600 </script>", " ".join(words), label])
    train(
        compose(
            "data=files",
            *(f"data.{name}={folder / f'{name}.csv'}" for name in ("train", "test")),
            "data.text=[title,body]",
            "encoder=bag",
            "multifield=attention",
            "embedder.embedding_dim=8",
            "trainer.max_epochs=2",
            "trainer.threads=1",
            "trainer.progress_bar=false",
            "baselines=false",
        ),
        folder=folder / "run",
    )
    return folder


def page_of(folder: Path, **options: Any) -> tuple[str, dict[str, Any]]:
    output = folder / "explore.html"
    explore(str(folder / "run" / "model"), str(folder / "run" / "predictions.csv"), str(output), **options)
    text = output.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*)</script>\n<script>', text)
    assert found is not None
    return text, json.loads(found[1])


def test_the_page_holds_what_was_predicted_and_why(folder: Path) -> None:
    text, data = page_of(folder)
    assert text.count("</script>") == 2  # what records hold is text, not a page
    assert not re.search(r"https?:|src=|url\(", text)
    with (folder / "run" / "predictions.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [own["given"] for own in data["records"]] == [line["prediction"] for line in lines]
    assert [own["wrong"] for own in data["records"]] == [line["label"] != line["prediction"] for line in lines]
    for own in data["records"]:
        assert own["texts"] == [lines[own["row"]]["title"], lines[own["row"]]["body"]]
        assert own["why"]["label"] == own["given"]
        assert sum(weight for _, weight in own["why"]["weights"]) == pytest.approx(1, abs=0.01)
        words = {own["texts"][1][start:end] for start, end, _ in own["why"]["tokens"][1]}
        assert words <= {word for each in WORDS.values() for word in each}
        assert len(own["near"]) == 5
        assert all(0 <= at < len(lines) and at != own["row"] for at, _ in own["near"])


def test_the_nearest_are_looked_for_in_another_file_and_fewer_records_are_shown(folder: Path) -> None:
    _, data = page_of(folder, training=str(folder / "train.csv"), limit=20, seconds=0)
    assert len(data["records"]) == 20
    used = {at for own in data["records"] for at, _ in own["near"]}
    assert used == set(range(len(data["training"])))  # no record that is near to none
    assert {own["gold"] for own in data["training"]} <= {"a", "b", "c"}


def test_wrong_input_is_said(folder: Path, tmp_path: Path) -> None:
    model, other = str(folder / "run" / "model"), tmp_path / "other.csv"
    lines = (folder / "run" / "predictions.csv").read_text(encoding="utf-8")
    other.write_text(lines.replace("probability/c", "probability/d"), encoding="utf-8")
    with pytest.raises(UserError, match="this model's 3 classes"):
        explore(model, str(other), str(tmp_path / "e.html"))
    other.write_text(lines.replace("row,title", "row,name"), encoding="utf-8")
    with pytest.raises(UserError, match="but the model reads"):
        explore(model, str(other), str(tmp_path / "e.html"))
    assert not (tmp_path / "e.html").exists()


def test_record_vectors_are_what_the_output_layer_reads(folder: Path) -> None:
    model = SequenceClassifier.from_pretrained(folder / "run" / "model")
    texts = [["", "fig fig"], ["<b>", "eel"], ["", "nut bolt nut bolt"]]
    together, alone = record_vectors(model, texts), [record_vectors(model, [own])[0] for own in texts]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)
    assert together.shape == (3, model.projection.in_features)
    assert not np.allclose(together[0], together[1])


@pytest.mark.parametrize("same", [True, False])
def test_the_nearest_are_those_of_torch(same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqclf.inference.record_vectors.BLOCK", 7)
    rng = np.random.default_rng(0)
    here = rng.normal(size=(30, 4)).astype(np.float32)
    there = here if same else rng.normal(size=(20, 4)).astype(np.float32)
    cosines = torch.cosine_similarity(torch.from_numpy(here)[:, None], torch.from_numpy(there)[None], dim=2)
    if same:
        cosines.fill_diagonal_(-2)
    expected = cosines.topk(3, dim=1)
    numbers, found = nearest_vectors(here, None if same else there, 3)
    assert numbers.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(found, expected.values.numpy(), atol=1e-6)
    assert nearest_vectors(here[:1], None, 3)[0].shape == (1, 0)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_filters_and_opens_a_record(folder: Path, tmp_path: Path) -> None:
    _, data = page_of(folder)
    wanted = next(own for own in data["records"] if own["gold"] == "a" and own["texts"][0])
    dom = subprocess.run(
        [
            *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chrome'}"),
            *("--virtual-time-budget=3000", "--dump-dom"),
            (folder / "explore.html").as_uri() + f"#gold=a&text=F&open={wanted['row']}",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    ).stdout
    dom = re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL)
    fitting = [own for own in data["records"] if own["gold"] == "a" and "f" in "".join(own["texts"]).lower()]
    assert f"{len(fitting)} of {len(data['records'])} records" in dom
    assert 0 < dom.count('<button class="row') <= len(fitting)
    assert f"row {wanted['row']}: a, predicted {wanted['given']}" in dom
    assert "Weights of the fields" in dom
    assert "&lt;b&gt;" in dom
    assert re.search(r'<mark[^>]*style="--a: ?[\d.]+;?"[^>]*>(apple|fig|bolt|nut|carp|eel)</mark>', dom)
