"""Run the experiments on the data sets that their papers give figures of, and write their section of docs/results.md.

    python scripts/results_experiments.py data=../shared/data       all of it, from files: DIR/SET/train.csv ...
    python scripts/results_experiments.py data=hub                  from the Hugging Face hub
    python scripts/results_experiments.py data=DIR experiments=kim_cnn_rand sets=mr,subj seeds=1
    python scripts/results_experiments.py data=DIR experiments=kim_cnn_static embedder.vectors=FILE
    python scripts/results_experiments.py                           only the section, from the runs that were kept

What to run, and what came of it in the papers, stands in the line `# Published:` of each yaml. Runs are kept in
outputs/results-experiments.jsonl, one line each, and are not repeated.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from seqclf import compose, train
from seqclf.errors import UserError, nearest
from seqclf.run.conf_path import conf_path

KEPT = Path("outputs/results-experiments.jsonl")
PAGE = Path("docs/results.md")
HUB = "hub"
FOLDERS = {"trec": "trec6"}  # of files; else a set's folder has its name
# What is typed where a set comes from files: a hub set whose fields are one text there has two columns here.
FROM_FILES = {"ag_news": ["multifield=none"]}
# How the files differ from what the figure of the paper was measured on; the hub's own sets are described in conf/data.
DIFFERENCES = {
    "trec": "the paper's split",
    "sst2": "the paper's split, without the phrases that it learns from too",
    "mr": "one split, 7,108 and 3,554; the paper has ten folds",
    "subj": "one split, 9,000 and 1,000; the paper has ten folds",
    "ag_news": "13,209 of the paper's 120,000 training records; its test part",
    "amazon_google": "the paper's split",
    "bilstm mr": "the paper's split",
}
NEEDS = {
    "kim_cnn_static": "needs the GoogleNews vectors of word2vec",
    "kim_cnn_nonstatic": "needs the GoogleNews vectors of word2vec",
    "minilm": "needs the weights of microsoft/MiniLM-L12-H384-uncased",
    "char_cnn": "ten minutes of a core for each epoch",
}


@dataclass(frozen=True)
class Published:
    """A figure of a paper.

    Args:
        experiment: that repeats it.
        data: the set, by its name in conf/data.
        value: in percent.
        figure: what it is, by its name in metrics.json.
        verified: whether the figure was read in a source; else it is from memory.
    """

    experiment: str
    data: str
    value: float
    figure: str
    verified: bool

    @property
    def key(self) -> tuple[str, str]:
        """What its runs are kept by."""
        return self.experiment, self.data


def published() -> list[Published]:
    """The figures that the experiments name, experiment by experiment."""
    found = []
    for path in sorted((conf_path() / "experiment").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        figure = re.search(r"^# Figure: (\S+)$", text, re.MULTILINE)
        for items, unverified in re.findall(r"^# Published: (.*?)( \(not verified\))?$", text, re.MULTILINE):
            for item in items.split(", "):
                data, value = item.split()
                name = "accuracy" if figure is None else figure[1]
                found.append(Published(path.stem, data, float(value), name, not unverified))
    return found


def main() -> None:
    """Run what is missing, then write the section."""
    typed = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    data, seeds = typed.pop("data", None), typed.pop("seeds", "1,2,3").split(",")
    wanted = published()
    for key, name in {"experiments": attrgetter("experiment"), "sets": attrgetter("data")}.items():
        if key in typed:
            names = typed.pop(key).split(",")
            for unknown in set(names).difference(map(name, published())):
                sys.exit(
                    f"{key}={unknown}: no experiment gives a figure of it. {nearest(unknown, map(name, published()))}"
                )
            wanted = [one for one in wanted if name(one) in names]
    for one in wanted if data else []:
        for seed in seeds:
            run(one, str(data), int(seed), [f"{key}={value}" for key, value in typed.items()])
    write_section(kept())


def run(one: Published, data: str, seed: int, further: list[str]) -> None:
    """Train one experiment once, unless that was done before or cannot be done here."""
    if any((row["experiment"], row["set"], row["seed"]) == (*one.key, seed) for row in kept()):
        return
    source = [f"data={one.data}"] if data == HUB else from_files(Path(data), one.data)
    if not source:
        return
    monitor = [] if one.figure == "accuracy" else [f"monitor=validation/{one.figure}"]
    began = time.time()
    try:
        cfg = compose(f"experiment={one.experiment}", *source, *monitor, *further, f"seed={seed}", "logger=none")
        result = train(cfg)
    except UserError as error:  # no vectors, no network: the others run
        print(f"{one.experiment} on {one.data}: {error}", file=sys.stderr)
        return
    row = {"experiment": one.experiment, "set": one.data, "seed": seed, "hub": data == HUB, "typed": further}
    figures = {name: result.metrics[name] for name in (f"validation/{one.figure}", f"test/{one.figure}", "best_epoch")}
    shutil.rmtree(result.run_dir)
    keep(row | {"minutes": (time.time() - began) / 60} | figures)


def from_files(data: Path, name: str) -> list[str]:
    """What is typed for the files of a set; nothing where there are none."""
    folder = data / FOLDERS.get(name, name)
    files = [f"data.{split}={folder / split}.csv" for split in ("train", "validation", "test")]
    there = [typed for typed in files if Path(typed.split("=", 1)[1]).exists()]
    chosen = f"data={name}" if name == "amazon_google" else "data=files"
    return [chosen, *there, *FROM_FILES.get(name, [])] if there else []


def kept() -> list[dict[str, Any]]:
    """The runs that were kept."""
    return [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()] if KEPT.exists() else []


def keep(row: dict[str, Any]) -> None:
    """Append a line."""
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a", encoding="utf-8") as opened:
        print(json.dumps(row), file=opened)


def write_section(rows: list[dict[str, Any]]) -> None:
    """Put the section into the page, in the place of the one that is there or at the end."""
    lines = [
        HEAD,
        *(line_of(one, [row for row in rows if (row["experiment"], row["set"]) == one.key]) for one in published()),
    ]
    section = "\n".join(lines) + "\n"
    page = PAGE.read_text(encoding="utf-8").rstrip() + "\n"
    there = re.compile(rf"{re.escape(TITLE)}\n.*?(?=\n## |\Z)", re.DOTALL)
    if there.search(page):
        page = there.sub(lambda _: section, page, count=1)
    else:
        page += f"\n{section}"
    PAGE.write_text(page, encoding="utf-8")
    print(f"wrote {PAGE}")


def line_of(one: Published, runs: list[dict[str, Any]]) -> str:
    """One row of the table."""
    theirs = f"{one.value:.1f}" + ("" if one.verified else " (not verified)")
    name = f"`{one.experiment}`"
    if not runs:
        reason = f"not run: {NEEDS[one.experiment]}" if one.experiment in NEEDS else "not run yet"
        reason = reason if one.data in DIFFERENCES else "not run: no files of this set were at hand"
        return "| " + " | ".join([name, one.data, "", theirs, "", "", "", reason]) + " |"
    values = [100 * run[f"test/{one.figure}"] for run in runs]
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    mean = statistics.mean(values)
    minutes = statistics.median(run["minutes"] for run in runs)
    own = DIFFERENCES.get(f"{one.experiment} {one.data}", DIFFERENCES.get(one.data, ""))
    notes = ["the hub's split, see conf/data" if runs[0]["hub"] else own]
    notes += [f"`{' '.join(runs[0]['typed'])}`"] if runs[0]["typed"] else []
    cells = [
        name,
        one.data,
        f"{mean:.1f}{deviation}",
        theirs,
        f"{mean - one.value:+.1f}",
        str(len(runs)),
        f"{minutes:.1f}",
    ]
    return "| " + " | ".join([*cells, "; ".join(notes)]) + " |"


TITLE = "## Experiments, beside their papers"
HEAD = f"""{TITLE}

The models of conf/experiment, as `python train.py experiment=NAME` trains them, and what their papers say. The section
is written by `make results ARGS="data=DIR"`, which trains what is missing. Test accuracy in percent (on amazon_google
F1 of `match`), mean ± standard deviation over the seeds; the epoch is chosen on validation. The last column says on
what, and what was typed besides. The minutes are of one core of a busy machine.

| experiment | set | ours | published | difference | seeds | minutes a run | measured on |
|---|---|---|---|---|---|---|---|"""

if __name__ == "__main__":
    main()
