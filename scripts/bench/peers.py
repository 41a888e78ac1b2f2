"""Other programs on the same texts, by the scripts of a folder of peers, each in an environment of its own.

    peers_folder=DIR peers=fasttext:PYTHON,allennlp:PYTHON,spacy:PYTHON,flair:PYTHON

DIR holds `fasttext_peer.py` and the others: they take `--data CSV --test CSV --epochs N`, and print a line of JSON with
`train_samples_s`, `infer_from_text_samples_s`, `total_s` and `accuracy`.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import CPU, Bench, in_turn, one_thread, ratios, taken_by
from seqclf import SequenceClassifier, compose, train
from seqclf.data.files import open_table
from seqclf.inference.predict import probabilities


@dataclass(frozen=True)
class Match:
    """One of ours against one of theirs, of the same widths and the same batch size.

    Args:
        peer: which program.
        model: what it is called there.
        ours: what is typed here.
        aim: how many times as fast ours should train.
        predicts: how many times as fast ours should predict from text; None where nothing was promised.
        epochs: of theirs.
    """

    peer: str
    model: str
    ours: tuple[str, ...]
    aim: float | None
    predicts: float | None
    epochs: int


# Bags without the linear term; their rate falls to nothing. Against fastText the one that is there first counts.
FAST = ("encoder=bag", "wide=none", "data.batch_size=512", "trainer.max_epochs=4")
FAST_BAGS = [
    (*FAST, f"embedder.embedding_dim={dim}", f"optimizer.lr={rate}") for dim, rate in (("16", "0.2"), ("32", "0.1"))
]
MATCHES = (
    Match("allennlp", "bilstm", ("encoder=lstm",), 4.0, 2.0, 3),
    Match("allennlp", "cnn", ("encoder=cnn",), 2.5, 2.0, 3),
    Match("flair", "bilstm", ("encoder=lstm",), 6.0, None, 2),
    Match("spacy", "cnn", ("encoder=cnn",), 3.0, None, 3),
    Match("spacy", "bow", ("encoder=bag", "data.batch_size=512"), None, None, 3),
    Match("spacy", "bow", FAST_BAGS[0], 10.0, None, 3),
)
WITHOUT_MODEL = ("flair", "fasttext")  # their scripts have one model
# fastText's settings: the best accuracy among them, and the seconds of the setting that has it, are what counts.
FASTTEXT = [("--epochs", epochs, "--dim", dim) for epochs in ("5", "10", "25") for dim in ("16", "100")]


def measure(bench: Bench) -> None:
    """Every peer whose environment was given, on every data set."""
    environments = dict(item.split(":", 1) for item in bench.typed.get("peers", "").split(",") if item)
    for data in bench.typed.get("sets", "trec6").split(","):
        for match in MATCHES:
            if match.peer in environments:
                against(bench, match, data, environments[match.peer])
        if "fasttext" in environments:
            against_fasttext(bench, data, environments["fasttext"])


def against(bench: Bench, match: Match, data: str, python: str) -> None:
    """Training and prediction from text of both, in turn."""
    chosen = [] if match.peer in WITHOUT_MODEL else ["--model", match.model]
    theirs: list[dict[str, Any]] = []
    ours: list[dict[str, Any]] = []

    def run_theirs() -> float:
        theirs.append(peer(bench, match.peer, data, python, [*chosen, "--epochs", str(match.epochs)]))
        return float(theirs[-1]["train_samples_s"])

    def run_ours() -> float:
        ours.append(own(bench, data, match.ours))
        return float(ours[-1]["rate"])

    rates = in_turn({"theirs": run_theirs, "ours": run_ours}, bench.rounds, uncounted=0)
    name = f"`{' '.join(match.ours)}`, {data}, against {match.peer} {match.model}"
    beside = f"{middle(rates['ours']):,.0f} records/s and accuracy {accuracies(ours)}, "
    beside += f"theirs {middle(rates['theirs']):,.0f} and {accuracies(theirs)}"
    bench.keep("peers", f"training: {name}", ratios(rates["ours"], rates["theirs"]), match.aim, beside)
    predicted = {"ours": [run["predicts"] for run in ours]}
    predicted["theirs"] = [run["infer_from_text_samples_s"] for run in theirs]
    beside = f"{middle(predicted['ours']):,.0f} records/s, theirs {middle(predicted['theirs']):,.0f}"
    share = ratios(predicted["ours"], predicted["theirs"])
    bench.keep("peers", f"prediction from text: {name}", share, match.predicts, beside)


def against_fasttext(bench: Bench, data: str, python: str) -> None:
    """Seconds of training to fastText's best accuracy on test, the accuracy at the end, and prediction from text."""
    theirs = [peer(bench, "fasttext", data, python, setting) for setting in FASTTEXT]
    best = max(theirs, key=lambda run: (run["accuracy"], -run["total_s"]))
    # Validated on the test part, since both sides' seconds are those to an accuracy on it; ours are of all epochs.
    on_test = f"data.validation={bench.file(data, 'test')}"
    tried = {typed: seconds_to(best["accuracy"], own(bench, data, [*typed, on_test])) for typed in FAST_BAGS}
    typed = min(tried, key=tried.__getitem__)
    shares, curve = [], []
    for _ in range(bench.rounds):
        again = peer(bench, "fasttext", data, python, setting_of(best))
        ours = own(bench, data, [*typed, on_test])
        curve = ours["curve"]
        shares.append(seconds_to(best["accuracy"], ours) / again["total_s"])
    beside = f"`{' '.join(typed)}`; fastText's best {best['accuracy']:.3f} in {best['total_s']:.2f} s "
    beside += f"({' '.join(setting_of(best))}); "
    beside += f"ours by epoch {' '.join(f'{value:.3f}' for value in curve)}"
    bench.keep("peers", f"bag, {data}: seconds to fastText's best accuracy", shares, 1.0, beside, at_most=True)
    ends = [100 * (curve[-1] - best["accuracy"])]
    bench.keep("peers", f"bag, {data}: accuracy at the end beyond fastText's best", ends, 0.0, "", "points")
    found = [own(bench, data, [*typed, on_test])["predicts"] for _ in range(bench.rounds)]
    rates = [peer(bench, "fasttext", data, python, setting_of(best))["infer_from_text_samples_s"] for _ in found]
    beside = f"{middle(found):,.0f} records/s, fastText {middle(rates):,.0f}"
    bench.keep("peers", f"bag, {data}: prediction from text against fastText", ratios(found, rates), 0.8, beside)


def seconds_to(accuracy: float, run: dict[str, Any]) -> float:
    """Seconds of training until a run of ours is as good; infinitely many if it never is."""
    reached = next((epoch for epoch, value in enumerate(run["curve"], start=1) if value >= accuracy), float("inf"))
    return float(reached * run["records"] / run["rate"])


def setting_of(run: dict[str, Any]) -> tuple[str, ...]:
    """The arguments of a run of fastText."""
    return ("--epochs", str(run["epochs"]), "--dim", str(run["settings"]["dim"]))


def peer(bench: Bench, name: str, data: str, python: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What the script of a peer says.

    Raises:
        RuntimeError: for a script that fails.
    """
    script = Path(bench.typed["peers_folder"]).resolve() / f"{name}_peer.py"
    files = ["--data", str(bench.file(data, "train")), "--test", str(bench.file(data, "test"))]
    clock = {"PEER_CLOCK": "cpu"} if bench.clock == CPU else {}
    environment = {**one_thread(), **clock, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH")
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(script), *files, "--threads", "1", *arguments]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{name} failed: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def own(bench: Bench, data: str, typed: Sequence[str]) -> dict[str, Any]:
    """A run of ours: its rate, accuracy on test, accuracy on validation by epoch, and its prediction from text."""
    test = bench.file(data, "test")
    cfg = compose(
        "data=files", f"data.train={bench.file(data, 'train')}", f"data.test={test}", *typed, "baselines=false"
    )
    with tempfile.TemporaryDirectory() as folder:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            result = train(cfg, folder=Path(folder))
        with (Path(folder) / "history" / "metrics.csv").open(encoding="utf-8") as opened:
            curve = [float(row["validation/accuracy"]) for row in csv.DictReader(opened) if row["validation/accuracy"]]
        model = SequenceClassifier.from_pretrained(result.model_dir)
    texts = [row.values for row in open_table(test).select(model.vocab.columns)]
    predicts = [len(texts) / taken_by(lambda: probabilities(model, texts)) for _ in range(4)][1:]
    return {
        "rate": result.metrics["train/records_per_second"],
        "accuracy": result.metrics["test/accuracy"],
        "records": sum(1 for _ in open_table(bench.file(data, "train")).rows()),
        "curve": curve[: int(result.metrics["epochs"])],  # the best epoch is validated once more
        "predicts": statistics.median(predicts),
    }


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def accuracies(runs: Sequence[dict[str, Any]]) -> str:
    """The median, to three digits."""
    return f"{middle([run['accuracy'] for run in runs]):.3f}"
