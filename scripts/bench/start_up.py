"""Seconds until something is there: help, the configuration, an error, the first step of the optimiser."""

from __future__ import annotations

import tempfile

from bench.measure import ROOT, Bench, in_turn, ratios, seconds_of

TORCH = "`python -c 'import torch'`"
IMPORT = 1.37  # seconds of it on the machine that the aims are of
TRAIN = str(ROOT / "train.py")
# A run that ends, with its process, behind the first step of its optimiser.
FIRST_STEP = """
import os, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *_: os._exit(0))
from seqclf.run.cli import train_main
sys.argv[0] = "train.py"
train_main()
"""


def measure(bench: Bench) -> None:
    """Whole processes in turn, beside Python alone and the import of torch."""
    with tempfile.TemporaryDirectory() as folder:
        run = ["data=synthetic", "data.records=2000", f"hydra.run.dir={folder}", "baselines=false"]
        commands: dict[str, tuple[list[str], int, float | None]] = {
            "`train.py --help`": ([TRAIN, "--help"], 0, 0.6),
            "`train.py --cfg job`": ([TRAIN, "--cfg", "job"], 0, 0.6),
            "an error: `train.py encoder=lsmt`": ([TRAIN, "encoder=lsmt"], 2, 0.6),
            "an error: `train.py trainer.max_epochs=x`": ([TRAIN, "trainer.max_epochs=x"], 2, 0.6),
            "first optimiser step, store cached": (["-c", FIRST_STEP, *run], 0, 3.5),
            "`python -c pass`": (["-c", "pass"], 0, None),
            TORCH: (["-c", "import torch"], 0, None),
            "`python -c 'import torch._dynamo'`": (["-c", "import torch._dynamo"], 0, None),
        }
        arms = {
            name: lambda command=command, expected=expected: seconds_of(command, bench.clock, expected)
            for name, (command, expected, _) in commands.items()
        }
        found = in_turn(arms, bench.rounds)
    for name, (_, _, aim) in commands.items():
        bench.keep("start_up", name, found[name], aim, unit="s", at_most=True)
    for name, (_, _, aim) in commands.items():
        if aim is not None:
            beside = f"{aim / IMPORT:.2f} is {aim} s where `import torch` takes {IMPORT} s"
            relative = ratios(found[name], found[TORCH])
            bench.keep("start_up", f"{name}, against `import torch`", relative, beside=beside)
