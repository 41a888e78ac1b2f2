import csv
import json
import os
import statistics
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.metrics import f1_score

from seqclf.errors import UserError
from seqclf.run.launching import ended_in, was_done
from seqclf.run.statistics import approximate_randomisation, bootstrap_interval_of_runs, mcnemar
from seqclf.run.sweep_comparison import compare, interval
from seqclf.run.sweep_jobs import SweepGroup, group_jobs, read_jobs, short_names, short_values, varied
from seqclf.run.sweep_plots import plot_sweep, share_explained
from seqclf.run.sweep_report import report_sweep, sweep_report

CLASSES = ("a", "b", "c")
RECORDS = 300


def write_job(folder: Path, encoder: str, lr: float, seed: int, skill: float, monitor: str) -> None:
    """A job as train.py leaves it, with predictions that are right about as often as its skill says."""
    rng = np.random.default_rng(100 * seed + len(encoder))
    labels = np.random.default_rng(0).choice(CLASSES, RECORDS, p=[0.5, 0.3, 0.2])
    given = np.where(rng.random(RECORDS) < skill, labels, rng.choice(CLASSES, RECORDS))
    (folder / ".hydra").mkdir(parents=True)
    overrides = [f"encoder={encoder}", f"optimizer.lr={lr}", "trainer.max_epochs=2", f"seed={seed}"]
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    accuracy = float(np.mean(labels == given))
    metrics = {"monitor": monitor, "score": accuracy + 0.01, "epochs": 2, "best_epoch": 2, "seconds": 1.5}
    metrics |= {"test/accuracy": accuracy, "test/f1_macro": float(f1_score(labels, given, average="macro"))}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "text", "label", "prediction", "probability"])
        writer.writerows((row, "x, y\nz", labels[row], given[row], 0.9) for row in range(RECORDS))
    (folder / "history").mkdir()
    lines = [f"epoch,step,{monitor}", f"0,5,{accuracy - 0.2}", f"1,9,{accuracy + 0.01}", f"1,9,{accuracy}"]
    (folder / "history" / "metrics.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Twelve jobs that are done, one that failed and one that was killed."""
    number = 0
    for encoder, skill in (("bag", 0.6), ("lstm", 0.8)):
        for lr in (0.1, 0.01):
            for seed in (1, 2, 3):
                monitor = "validation/accuracy"
                write_job(tmp_path / str(number), encoder, lr, seed, skill + (0.02 if lr == 0.1 else 0.0), monitor)
                number += 1
    for folder, encoder in (("12", "cnn"), ("13", "<b>")):
        (tmp_path / folder / ".hydra").mkdir(parents=True)
        (tmp_path / folder / ".hydra" / "overrides.yaml").write_text(f"- encoder={encoder}\n- seed=1\n")
    (tmp_path / "12" / "error.txt").write_text("Traceback ...\nRuntimeError: no <memory>\n")
    return tmp_path


def test_jobs_are_read_in_order_with_what_became_of_them(sweep: Path) -> None:
    jobs = read_jobs(sweep)
    assert [job.name for job in jobs] == [str(number) for number in range(14)]
    assert [job.status for job in jobs] == [*["done"] * 12, "failed", "unfinished"]
    assert jobs[12].message == "RuntimeError: no <memory>"
    assert jobs[0].overrides["optimizer.lr"] == "0.1"
    assert jobs[0].curve == pytest.approx([jobs[0].metrics["score"] - 0.21, jobs[0].metrics["score"]])


def test_groups_differ_in_more_than_the_seed_and_the_best_comes_first(sweep: Path) -> None:
    jobs = read_jobs(sweep)
    assert varied(jobs) == ["encoder", "optimizer.lr", "trainer.max_epochs", "seed"]
    groups = group_jobs([job for job in jobs if job.status == "done"])
    assert len(groups) == 4
    assert groups[0].setting["encoder"] == "lstm"
    scores = [json.loads((sweep / name / "metrics.json").read_text())["test/accuracy"] for name in ("0", "1", "2")]
    (bag,) = (group for group in groups if group.setting == {"encoder": "bag", "optimizer.lr": "0.1"})
    assert bag.mean("test/accuracy") == pytest.approx(statistics.mean(scores))
    assert bag.deviation("test/accuracy") == pytest.approx(np.std(scores, ddof=1))


def test_lower_losses_come_first(tmp_path: Path) -> None:
    for number, skill in enumerate((0.9, 0.4)):
        write_job(tmp_path / str(number), "bag", 0.1 + number, 1, skill, "validation/loss")
    groups = group_jobs(read_jobs(tmp_path))
    assert groups[0].figures("score") < groups[1].figures("score")


def right(group: SweepGroup) -> np.ndarray:
    tables = []
    for job in group.jobs:
        with (job.folder / "predictions.csv").open(newline="") as file:
            tables.append([line["label"] == line["prediction"] for line in csv.DictReader(file)])
    return np.array(tables).T


def test_the_best_is_compared_with_the_runner_up_on_the_same_records(sweep: Path) -> None:
    groups = group_jobs([job for job in read_jobs(sweep) if job.status == "done"])
    first, second = groups[0], groups[-1]
    found = compare(first, second)
    assert found is not None
    one, other = right(first), right(second)
    assert found.records == RECORDS
    assert found.ahead == pytest.approx(one.mean() - other.mean())
    assert found.p == approximate_randomisation(np.mean, one.mean(axis=1), other.mean(axis=1))
    places = [int(np.argmax(group.figures("score"))) for group in (first, second)]
    assert found.mcnemar == mcnemar(one[:, places[0]], other[:, places[1]])
    assert "more than chance" in found.said()
    assert interval(first) == bootstrap_interval_of_runs(one)


def test_f1_is_compared_where_it_is_what_decides(tmp_path: Path) -> None:
    for number, skill in enumerate((0.8, 0.5)):
        write_job(tmp_path / str(number), "bag" * (number + 1), 0.1, 1, skill, "validation/f1_macro")
    first, second = group_jobs(read_jobs(tmp_path))
    found = compare(first, second)
    assert found is not None
    assert found.figure == "f1_macro"
    assert found.ahead == pytest.approx(first.figures("test/f1_macro")[0] - second.figures("test/f1_macro")[0])


def test_other_records_are_not_compared(sweep: Path) -> None:
    lines = (sweep / "0" / "predictions.csv").read_text().replace("\n5,", "\n500,")
    (sweep / "0" / "predictions.csv").write_text(lines)
    groups = group_jobs(read_jobs(sweep)[:12])
    (bag,) = (group for group in groups if group.jobs[0].name == "0")
    assert interval(bag) is None
    assert compare(groups[0], bag) is None


def test_several_labels_are_right_in_any_order(tmp_path: Path) -> None:
    write_job(tmp_path / "0", "bag", 0.1, 1, 0.9, "validation/accuracy")
    (tmp_path / "0" / "predictions.csv").write_text("row,label,prediction\n1,a|b,b|a\n2,a,a|b\n")
    outcomes = read_jobs(tmp_path)[0].outcomes
    assert outcomes is not None
    assert outcomes.right().tolist() == [True, False]


def test_a_keys_share_of_the_variance(sweep: Path) -> None:
    jobs = read_jobs(sweep)[:12]
    scores = np.array([job.score for job in jobs]).reshape(2, 2, 3)
    between = 6 * np.sum((scores.mean(axis=(1, 2)) - scores.mean()) ** 2)
    assert share_explained(jobs, "encoder") == pytest.approx(between / np.sum((scores - scores.mean()) ** 2))
    assert share_explained(jobs, "encoder") > 0.8 > share_explained(jobs, "seed")


def test_names_are_short_where_they_are_clear() -> None:
    assert short_names(["optimizer.lr", "encoder.dropout", "dropout"]) == {
        "optimizer.lr": "lr",
        "encoder.dropout": "encoder.dropout",
        "dropout": "dropout",
    }


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_has_every_job(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep_report([str(sweep)])
    reader = Reader()
    reader.feed((sweep / "sweep.html").read_text())
    assert len(reader.sources) == 3, "score by setting, learning curves, which key matters"
    assert all(source.startswith("data:image/svg+xml;base64,") for source in reader.sources)
    assert {"b", "memory", "script", "link"}.isdisjoint(reader.tags), "what jobs say is text"
    assert "RuntimeError: no <memory>" in reader.text
    assert "14 jobs: 12 done, 1 failed, 1 unfinished" in reader.text
    shown = capsys.readouterr().out
    assert "encoder=lstm lr=0.1" in shown
    assert str(sweep / "12" / "error.txt") in shown
    with (sweep / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == [str(number) for number in range(14)]
    assert float(rows[3]["test/accuracy"]) == json.loads((sweep / "3" / "metrics.json").read_text())["test/accuracy"]


def test_long_values_are_shown_by_what_tells_them_apart() -> None:
    folder = "/data/of/a/project/with/a/long/name/"
    assert short_values([folder + "a/train.csv", folder + "b/train.csv"]) == {
        folder + "a/train.csv": "…a/train.csv",
        folder + "b/train.csv": "…b/train.csv",
    }
    assert short_values(["x" * 50, "short"]) == {"x" * 50: "x" * 31 + "…", "short": "short"}
    alike = ["ab" + "x" * 50 + "c", "ba" + "x" * 50, "ab" + "x" * 50 + "d"]
    assert short_values(alike) == {value: value for value in alike}, "what would be the same when cut stays whole"
    assert short_values([]) == {}


def test_lists_stay_in_the_table_and_what_failing_jobs_say_is_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, names in enumerate(("[lstm,gru]", "[gru]")):
        write_job(tmp_path / str(number), "cnn", 0.1, number, 0.7, "validation/accuracy")
        typed = tmp_path / str(number) / ".hydra" / "overrides.yaml"
        typed.write_text(f"- seq2seq.names={names}\n- data.text=[title,body]\n")
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "error.txt").write_text("MemoryError: " + "x" * 500)
    report_sweep(tmp_path)
    shown = capsys.readouterr().out
    assert "names=[lstm,gru]" in shown
    assert "data.text=[title,body]" in shown
    assert "x" * 146 + "…" in shown
    assert "x" * 500 in (tmp_path / "sweep.html").read_text()


def test_one_job_has_nothing_to_be_plotted_or_compared_with(sweep: Path) -> None:
    assert plot_sweep(group_jobs(read_jobs(sweep)[:1])) == []
    report_sweep(sweep / "0")
    assert not (sweep / "0" / "sweep.csv").exists()


def test_a_folder_that_is_no_sweeps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no jobs; a sweep's folder does"):
        sweep_report([str(tmp_path)])
    with pytest.raises(UserError, match="is no folder"):
        sweep_report([str(tmp_path / "none")])


def test_a_job_was_done_where_the_same_was(sweep: Path) -> None:
    same = ["encoder=bag", "optimizer.lr=0.1", "trainer.max_epochs=2", "seed=1"]
    assert was_done(sweep / "0", same)
    assert not was_done(sweep / "0", [*same[:3], "seed=2"])
    assert not was_done(sweep / "13", ["encoder=<b>", "seed=1"])
    assert ended_in(sweep / "13") is None
    failed = ended_in(sweep / "12")
    assert failed is not None
    assert failed.status.name == "FAILED"


KILLER = """
import os
from seqclf.nn.bag import Bag

class Killer(Bag):
    def __init__(self, input_dim: int, kill: bool = False) -> None:
        super().__init__(input_dim)
        if kill:
            os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_job_whose_process_is_killed_harms_no_other(tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    yaml_text = "# One that may end its process.\n_target_: killer.Killer\n_partial_: true\nkill: false\n"
    (tmp_path / "conf" / "encoder" / "killer.yaml").write_text(yaml_text)
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "train.py"), "-m", "--config-dir", str(tmp_path / "conf")]
    command += ["data=synthetic", "data.records=200", "baselines=false", "trainer.max_epochs=1", "encoder=killer"]
    command += ["parts=[killer.Killer]", "encoder.kill=false,true", "seed=1,2", "wide=none", "logger=csv"]
    command += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(tmp_path)])}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 1, done.stderr
    assert [job.status for job in read_jobs(tmp_path / "sweep")] == ["done", "done", "failed", "failed"]
    assert "Its process came to an end" in (tmp_path / "sweep" / "2" / "error.txt").read_text()
