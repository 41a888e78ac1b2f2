"""Several processes train, count and predict as one does."""

import csv
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seqclf.run.compose import compose
from seqclf.run.results import RunResult
from seqclf.run.train import train

QUICK = (
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "trainer.gradient_clip_val=0.5",  # clips
    "baselines=false",
    "embedder.embedding_dim=16",
    "dropout=0",
)
BAG = (*QUICK, "embedder.buckets=500", "embedder.dropout=0", "wide.buckets=500")
WORDS = {"n": "bad awful poor", "p": "good fine great", "q": "red green blue"}
TRAIN, VALIDATION, TEST = 96, 31, 53  # the last two are prime


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, rows: int, seed: int, multilabel: bool = False) -> str:
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "body", "label"])
        for _ in range(rows):
            labels = generator.choices("npq", weights=[6, 3, 1], k=generator.randrange(3) if multilabel else 1)
            words = [word for label in labels for word in WORDS[label].split()] + ["the", "a", "one", "it", "so"]
            text = " ".join(generator.choice(words) for _ in range(generator.randint(1, 30)))
            title = generator.choice(words) if generator.random() < 0.5 else ""
            writer.writerow([title, text, "|".join(sorted(set(labels)))])
    return str(path)


def files(folder: Path, multilabel: bool = False) -> tuple[str, ...]:
    sizes = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    typed = [
        f"data.{name}={write(folder / f'{name}.csv', rows, seed, multilabel)}"
        for seed, (name, rows) in enumerate(sizes.items())
    ]
    return ("data=files", *typed, "data.text=[title,body]", *(["task=multilabel"] if multilabel else []))


def run(*overrides: str) -> RunResult:
    return train(compose(*overrides))


def same(several: RunResult, one: RunResult, tolerance: float = 1e-6) -> None:
    """The same weights, figures and predictions."""
    ours, theirs = (load_file(result.model_dir / "model.safetensors") for result in (several, one))
    for name, tensor in theirs.items():
        torch.testing.assert_close(
            ours[name], tensor, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )
    figures = {name: value for name, value in one.metrics.items() if isinstance(value, float)}
    figures = {name: value for name, value in figures.items() if "second" not in name}
    assert {name: several.metrics[name] for name in figures} == pytest.approx(figures, rel=tolerance, abs=tolerance)
    same_predictions(several, one)


def same_predictions(several: RunResult, one: RunResult) -> None:
    rows = []
    for result in (several, one):
        with (result.run_dir / "predictions.csv").open(newline="", encoding="utf-8") as file:
            rows.append(list(csv.DictReader(file)))
    assert [row["row"] for row in rows[0]] == [str(number) for number in range(TEST)]
    for ours, theirs in zip(*rows, strict=True):
        assert ours.keys() == theirs.keys()
        for name, cell in ours.items():
            if name.startswith("probability"):
                assert float(cell) == pytest.approx(float(theirs[name]), abs=1e-6)
            else:
                assert cell == theirs[name]


def test_two_ranks_with_half_the_batch_are_one_with_the_whole(tmp_path: Path) -> None:
    """Law 9, with all that adds up otherwise: sparse tables, clipping, the wide term, classes of other weights."""
    options = (*BAG, *files(tmp_path), "loss.weights=balanced")
    several = run(*options, "trainer=ddp", "trainer.devices=2", "data.batch_size=8")
    assert several.metrics["test/records"] == TEST
    same(several, run(*options, "data.batch_size=16"))
