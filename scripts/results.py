"""Train every model on every data set over several seeds, and write docs/results.md from what came out.

    python scripts/results.py data=../shared/data                 all of it, about two hours on two cores
    python scripts/results.py data=DIR sets=trec6,sst2 models=bag seeds=1
    python scripts/results.py table=true                          only the table, from the runs that were kept

Runs are kept in outputs/results.jsonl, one line each, and are not repeated.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from seqclf import compose, train

KEPT = Path("outputs/results.jsonl")
PAGE = Path("docs/results.md")
SETS = ("trec6", "trec50", "sst2", "sst5", "subj", "mr", "ag_news", "german_business_names")
MODELS = ("bag", "cnn", "lstm")
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
}


def main() -> None:
    """Run what is missing, then write the page."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if typed.pop("table", "false") != "true":
        sets = typed.get("sets", ",".join(SETS)).split(",")
        models = typed.get("models", ",".join(MODELS)).split(",")
        for name in sets:
            for model in models:
                for seed in typed.get("seeds", "1,2,3").split(","):
                    run(Path(typed["data"]) / name, model, int(seed))
    write_page(kept_runs())


def run(folder: Path, model: str, seed: int) -> None:
    """Train one model once, unless that was done before."""
    if any((row["set"], row["model"], row["seed"]) == (folder.name, model, seed) for row in kept_runs()):
        return
    began = time.time()
    result = train(compose(*overrides(folder, model), f"seed={seed}", "trainer.progress_bar=false"))
    row = {"set": folder.name, "model": model, "seed": seed, "minutes": (time.time() - began) / 60}
    row |= {name: value for name, value in result.metrics.items() if name.endswith(("accuracy", "f1_macro", "_epoch"))}
    for folder_of_weights in ("checkpoints", "model"):  # a hundred megabytes a run
        shutil.rmtree(result.run_dir / folder_of_weights)
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a", encoding="utf-8") as file:
        print(json.dumps(row), file=file)


def overrides(folder: Path, model: str) -> list[str]:
    """What is typed after `python train.py`; nothing but the data and the encoder."""
    splits = [split for split in ("train", "validation", "test") if (folder / f"{split}.csv").exists()]
    return ["data=files", *(f"data.{split}={folder / split}.csv" for split in splits), f"encoder={model}"]


def kept_runs() -> list[dict[str, Any]]:
    """The runs so far."""
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def write_page(rows: list[dict[str, Any]]) -> None:
    """Write docs/results.md."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["set"], row["model"]), []).append(row)
    lines = [HEAD]
    for name in SETS:
        for model in MODELS:
            if (name, model) in groups:
                lines.append(line(name, model, groups[name, model]))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines) + FOOT, encoding="utf-8")
    print(f"wrote {PAGE}")


def line(name: str, model: str, runs: list[dict[str, Any]]) -> str:
    """One row of the table."""
    linear = 100 * runs[0]["baseline/linear/accuracy"]
    minutes = statistics.median(run["minutes"] for run in runs)
    tested = spread(runs, "test/accuracy") if "test/accuracy" in runs[0] else ""
    cells = [name, model, spread(runs, "validation/accuracy"), tested, f"{linear:.1f}"]
    return "| " + " | ".join([*cells, PUBLISHED[name], str(len(runs)), f"{minutes:.1f}"]) + " |"


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
FOOT = """

Published figures are of the cited papers; where they used more data or other splits the table says so.
"""

if __name__ == "__main__":
    main()
