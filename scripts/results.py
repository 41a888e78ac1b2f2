"""Train models on every data set over several seeds, and write docs/results.md from what came out.

    python scripts/results.py data=../shared/data                 all of it, some hours on two cores
    python scripts/results.py data=DIR sets=trec6,sst2 models=bag,lstm+wide seeds=1
    python scripts/results.py table=true                          only the page, from the runs that were kept

Runs are kept in outputs/results.jsonl, one line each, and are not repeated.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from seqclf import compose, train
from seqclf.data.source import Source
from seqclf.run.compose import plain
from seqclf.run.linear_svm import joined, linear_svm, pick
from seqclf.run.open_data import open_data
from seqclf.run.statistics import approximate_randomisation

KEPT = Path("outputs/results.jsonl")
KEPT_LINEAR = Path("outputs/results-linear.jsonl")
PAGE = Path("docs/results.md")
PRODUCT = ("title", "manufacturer", "price")
# What is typed for each set besides its files.
SETS: dict[str, list[str]] = {
    "trec6": [],
    "trec50": [],
    "sst2": [],
    "sst5": [],
    "subj": [],
    "mr": [],
    "ag_news": [],
    "german_business_names": [],
    "amazon_google": [
        "task=pair",
        "monitor=validation/f1/match",
        *(f"data.{side}=[{','.join(f'{side}_{column}' for column in PRODUCT)}]" for side in ("left", "right")),
    ],
}
FIGURE = {"amazon_google": "f1/match"}  # the figure that a set is scored by; else accuracy
DEFAULTS = {name: [f"encoder={name}"] for name in ("bag", "cnn", "lstm")}
WIDE = ["wide=characters"]
PAIR = ["encoder=bag", "embedder=several", "embedder.names=[word,char_ngrams]", "trainer.max_epochs=20"]
# What was tried for the best of each set; validation decides.
MODELS = DEFAULTS | {
    **{f"{name}+wide": [*typed, *WIDE] for name, typed in DEFAULTS.items()},
    "bag+char_ngrams": PAIR,
}
AIMS = {
    "trec6": 92.0,
    "trec50": 83.0,
    "sst2": 83.0,
    "sst5": 43.0,
    "mr": 78.0,
    "subj": 93.0,
    "ag_news": 88.5,
    "amazon_google": 55.0,
}
# Test accuracy as published: CNN-rand of Kim (2014), fastText with bigrams on the same split; see the sources below.
PUBLISHED = {
    "trec6": "91.2 CNN-rand (Kim 2014)",
    "trec50": "",
    "sst2": "82.7 CNN-rand, with phrases (Kim 2014)",
    "sst5": "45.0 CNN-rand, with phrases (Kim 2014)",
    "subj": "89.6 CNN-rand, 10-fold (Kim 2014)",
    "mr": "75.0 CNN-rand, 76.2 fastText bigrams (Yao et al. 2019)",
    "ag_news": "92.5 fastText bigrams, nine times the training data (Joulin et al. 2016)",
    "german_business_names": "",
    "amazon_google": "49.1 Magellan, 69.3 Hybrid (Mudgal et al. 2018)",
}


def main() -> None:
    """Run what is missing, then write the page."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if typed.pop("table", "false") != "true":
        for name in typed.get("sets", ",".join(SETS)).split(","):
            folder = Path(typed["data"]) / name
            for model in typed["models"].split(",") if "models" in typed else MODELS:
                for seed in typed.get("seeds", "1,2,3").split(","):
                    run(folder, model, int(seed))
            run_linear(folder)
    write_page(kept(KEPT), {row["set"]: row for row in kept(KEPT_LINEAR)})


def run(folder: Path, model: str, seed: int) -> None:
    """Train one model once, unless that was done before."""
    if any((row["set"], row["model"], row["seed"]) == (folder.name, model, seed) for row in kept(KEPT)):
        return
    began = time.time()
    result = train(compose(*overrides(folder), *MODELS[model], f"seed={seed}", "trainer.progress_bar=false"))
    row = {"set": folder.name, "model": model, "seed": seed, "minutes": (time.time() - began) / 60}
    wanted = ("accuracy", "f1_macro", "_epoch", FIGURE.get(folder.name, "accuracy"))
    row |= {name: value for name, value in result.metrics.items() if name.endswith(wanted)}
    if (folder / "test.csv").exists():
        row["predictions"] = column(result.run_dir / "predictions.csv", "prediction")
    shutil.rmtree(result.run_dir)  # a hundred megabytes a run
    keep(KEPT, row)


def run_linear(folder: Path) -> None:
    """What the linear SVM gives on test, from the training records of the other models, unless that was done before."""
    if not (folder / "test.csv").exists() or any(row["set"] == folder.name for row in kept(KEPT_LINEAR)):
        return
    source, store = open_data(plain(compose(*overrides(folder))))
    test, labels = store.test, store.train.labels
    assert test is not None
    assert labels is not None
    given = linear_svm(
        list(joined(texts(source, "train", store.train.rows))),
        labels.astype(np.int64),
        joined(texts(source, "test", test.rows)),
    )
    assert given is not None
    names = store.vocabulary.labels
    gold = column(folder / "test.csv", "label")
    keep(KEPT_LINEAR, {"set": folder.name, "labels": gold, "predictions": [names[label] for label in given.tolist()]})


def texts(source: Source, split: str, rows: Any) -> Any:
    """The texts of the records in these rows of a split."""
    tables = source.tables()
    return pick((row.values for row in getattr(tables, split).select(tables.text)), rows)


def overrides(folder: Path) -> list[str]:
    """What is typed after `python train.py` for a set of files."""
    splits = [split for split in ("train", "validation", "test") if (folder / f"{split}.csv").exists()]
    return ["data=files", *(f"data.{split}={folder / split}.csv" for split in splits), *SETS[folder.name]]


def column(file: Path, name: str) -> list[str]:
    """One column of a table."""
    with file.open(newline="", encoding="utf-8") as opened:
        return [row[name] for row in csv.DictReader(opened)]


def kept(file: Path) -> list[dict[str, Any]]:
    """The lines of a file that was kept."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def keep(file: Path, row: dict[str, Any]) -> None:
    """Append a line."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as opened:
        print(json.dumps(row), file=opened)


def write_page(rows: list[dict[str, Any]], linear: dict[str, dict[str, Any]]) -> None:
    """Write docs/results.md."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["set"], row["model"]), []).append(row)
    lines = [HEAD]
    lines += [
        default_line(name, model, groups[name, model]) for name in SETS for model in DEFAULTS if (name, model) in groups
    ]
    lines.append(BEST)
    for name in SETS:
        tried = {model: runs for (own, model), runs in groups.items() if own == name and len(runs) > 2}
        if name in linear and tried:
            lines.append(best_line(name, tried, linear[name]))
    PAGE.write_text("\n".join(lines) + FOOT + others(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}")


def others(page: str) -> str:
    """The sections that other scripts wrote into the page."""
    return "".join(re.findall(r"\n## (?!The best from scratch).*?(?=\n## |\Z)", page, re.DOTALL))


def default_line(name: str, model: str, runs: list[dict[str, Any]]) -> str:
    """One row of the table of defaults."""
    figure = FIGURE.get(name, "accuracy")
    linear = f"{100 * runs[0]['baseline/linear/accuracy']:.1f}" if figure == "accuracy" else ""
    minutes = statistics.median(run["minutes"] for run in runs)
    tested = spread(runs, f"test/{figure}") if f"test/{figure}" in runs[0] else ""
    cells = [name, model, spread(runs, f"validation/{figure}"), tested, linear]
    return "| " + " | ".join([*cells, PUBLISHED[name], str(len(runs)), f"{minutes:.1f}"]) + " |"


def best_line(name: str, tried: dict[str, list[dict[str, Any]]], linear: dict[str, Any]) -> str:
    """One row of the table of the best: the model that validation chose, beside the linear model on test."""
    figure = FIGURE.get(name, "accuracy")
    model = max(tried, key=lambda each: statistics.mean(run[f"validation/{figure}"] for run in tried[each]))
    runs = tried[model]
    gold = np.array(linear["labels"])
    ours = np.array([run["predictions"] for run in runs]).T  # (R, seeds)
    theirs = np.repeat(np.array(linear["predictions"])[:, None], len(runs), axis=1)

    def score(predictions: Any) -> float:
        if figure == "accuracy":
            return float((predictions == gold[:, None]).mean())
        label = figure.removeprefix("f1/")
        right = ((predictions == label) & (gold[:, None] == label)).sum(axis=0)
        return float((2 * right / ((predictions == label).sum(axis=0) + (gold == label).sum())).mean())

    p = approximate_randomisation(score, ours, theirs)
    typed = " ".join(MODELS[model])
    cells = [name, f"`{typed}`", str(len(tried)), spread(runs, f"validation/{figure}"), spread(runs, f"test/{figure}")]
    cells += [f"{100 * score(theirs):.1f}", f"{100 * (score(ours) - score(theirs)):+.1f}", f"{p:.4f}"]
    return "| " + " | ".join([*cells, f"{AIMS[name]:.1f}", str(len(runs))]) + " |"


def spread(runs: list[dict[str, Any]], figure: str) -> str:
    """Mean and standard deviation over the seeds, in percent; one seed has no deviation."""
    values = [100 * run[figure] for run in runs]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


HEAD = """# Results

Every model with its own defaults, nothing typed but the data and the encoder:

    python train.py data=files data.train=DIR/train.csv data.test=DIR/test.csv encoder=NAME seed=1,2,3 -m
    python scripts/results.py data=DIR      # all of it, and this page

(`data.validation=DIR/validation.csv` where the set has one; else a tenth of the training records.) Accuracy in
percent, mean ± standard deviation over the seeds. The epoch is chosen on validation, the test part is read once, with
that epoch's weights. "Linear" is a linear SVM on TF-IDF of words and word pairs, with the same training records and
measured on the same split: on test, and where there is no test part on validation. One standard error of a test
figure is 1.4 points on trec6, 1.8 on trec50, 0.9 on sst2 and subj, 1.0 on sst5, 0.7 on mr and 0.4 on ag_news.
ag_news has two fields and 13,209 training records, a ninth of the official part. The minutes are of a busy machine.

| set | encoder | validation | test | linear | published | seeds | minutes a run |
|---|---|---|---|---|---|---|---|"""
BEST = """

## The best from scratch, chosen on validation

Of the models that were tried on a set (the defaults above, and each with `wide=characters`), the one with the best mean
validation figure; only its test figure was looked at for this table. The figure is accuracy, on amazon_google F1 of
`match`. "p" is of a paired test against the linear SVM on the same test records over all seeds (approximate
randomisation).

| set | model | tried | validation | test | linear | difference | p | aim | seeds |
|---|---|---|---|---|---|---|---|---|---|"""
FOOT = """

Published figures are of the cited papers; where they used more data or other splits the table says so.
"""

if __name__ == "__main__":
    main()
