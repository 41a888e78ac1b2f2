"""Millions of made-up records of three fields: memory of building the store and of training, and the rate.

Each in a process of its own, which notes the largest `RssAnon` of /proc/self/status (Linux): memory that is not a
mapped file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from bench.measure import Bench, one_thread, ratios

SMALL = 100_000
BASE = ("data=synthetic", "data.fields=3", "data.lengths=[3,8,12]", "data.vocabulary=50000")
TRAINED = ("encoder=bag", "data.batch_size=512", "data.validation_size=1000", "trainer.limit_train_batches=150")
STEPS = 120
WATCHED = """
import json, os, sys, threading, time
def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1e6
peak = 0.0
def watch():
    global peak
    while True:
        peak = max(peak, anonymous())
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
from seqclf import compose, train
from seqclf.run.compose import plain
import seqclf.run.train
imported = anonymous()
cfg = compose(*sys.argv[2:])
def tell(**figures):
    print(json.dumps({"peak": peak, "imported": imported, **figures}), flush=True)
    os._exit(0)
if sys.argv[1] == "build":
    began = time.process_time()
    seqclf.run.train.open_data(plain(cfg))
    tell(seconds=time.process_time() - began)
from torch.optim.optimizer import register_optimizer_step_post_hook
taken = []
def note(*_):
    taken.append(time.process_time())
    if len(taken) == STEPS:
        tell(rate=512 * (STEPS - 20) / (taken[-1] - taken[19]))
register_optimizer_step_post_hook(note)
train(cfg)
"""


def measure(bench: Bench) -> None:
    """Build and train, for few records and for many."""
    many = int(bench.typed.get("records", "1000000"))
    with tempfile.TemporaryDirectory(dir=bench.typed.get("disk")) as folder:
        typed = {records: [*BASE, *TRAINED, f"data.records={records}"] for records in (SMALL, many)}
        builds = {records: watched(folder, "build", arguments) for records, arguments in typed.items()}
        runs: dict[int, list[dict[str, float]]] = {records: [] for records in typed}
        for _ in range(bench.rounds):
            for records, arguments in typed.items():
                runs[records].append(watched(folder, "train", arguments))
    few, trained, built = runs[SMALL], runs[many], builds[many]
    name = f"{many:,} records"
    peak = f"{SMALL:,} records: {builds[SMALL]['peak']:.2f} GB; the imports alone: {built['imported']:.2f} GB; "
    peak += f"{many / built['seconds']:,.0f} records a CPU second"
    bench.keep("at_scale", f"{name}: RssAnon, building", [built["peak"]], 1.5, peak, "GB", at_most=True)
    memory = ratios([each["peak"] for each in trained], [each["peak"] for each in few])
    beside = f"{trained[0]['peak']:.2f} GB, {few[0]['peak']:.2f} GB for {SMALL:,}"
    bench.keep("at_scale", f"{name}: RssAnon, training, against {SMALL:,}", memory, 1.05, beside, at_most=True)
    rates = ratios([each["rate"] for each in trained], [each["rate"] for each in few])
    beside = f"{trained[0]['rate']:,.0f} records/s, {few[0]['rate']:,.0f} for {SMALL:,}"
    bench.keep("at_scale", f"{name}: training records/s, against {SMALL:,}", rates, 0.95, beside)


def watched(folder: str, what: str, typed: list[str]) -> dict[str, float]:
    """What a process says that builds, or that trains and ends behind some steps.

    Raises:
        RuntimeError: for a process that fails.
    """
    environment = {**one_thread(), "SEQCLF_CACHE": folder, "TMPDIR": folder}
    code = WATCHED.replace("STEPS", str(STEPS))
    ended = subprocess.run(
        [sys.executable, "-c", code, what, *typed, "trainer.progress_bar=false", "baselines=false"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0 or not ended.stdout:
        raise RuntimeError(f"{what} {typed} failed: {ended.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return figures
