"""A run again, from its folder alone, and whether it comes to the same."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import chdir, nullcontext
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqclf.data.source import Source
from seqclf.errors import RunError, UserError
from seqclf.inference.model_folder import MANIFEST_FILE
from seqclf.parts import RUN_ROOMS, make
from seqclf.run.compose import plain
from seqclf.run.loaded_config import check_loaded
from seqclf.run.open_data import SHARED_DATA_KEYS
from seqclf.run.provenance import (
    PROVENANCE_FILE,
    checkout,
    hash_files,
    hash_tables,
    packages,
    read_provenance,
)
from seqclf.run.run_folder import run_folder
from seqclf.run.train import train

log = logging.getLogger("seqclf")

OF_TIME = ("seconds", "records_per_second", "git", "versions")  # what may be otherwise in metrics.json
SHOWN = 10  # figures that are not the same
PREDICTIONS = "predictions.csv"


def repeat(run: str, output: str | None = None, parts: list[str] | None = None) -> Path:
    """Run a run again in a new folder: same configuration, seed and threads, and compare weights, figures, predictions.

    Args:
        run: the folder of a run that is done.
        output: the new folder; None for a new one under outputs/.
        parts: dotted names of classes of your own that the run's configuration names.

    Returns:
        The new folder; the two runs came to the same.

    Raises:
        UserError: for a folder that is no run's, data that is not what the run read, and a configuration that names
            anything but parts of seqclf and these.
        RunError: where the new run came to something else.
    """
    old = Path(run).resolve()
    said = read_provenance(old)
    new = run_folder() if output is None else Path(output).resolve()
    if new.exists() and any(new.iterdir()):
        raise UserError(f"{new} is not empty: give another folder.")
    threads = said["config"]["trainer"].get("threads") or said["threads"]
    trainer = {**said["config"]["trainer"], "threads": threads}
    cfg = OmegaConf.create({**said["config"], "trainer": trainer})
    check_loaded(cfg, str(old / PROVENANCE_FILE), parts or [])
    with chdir(said["folder"]) if Path(said["folder"]).is_dir() else nullcontext():
        config = plain(cfg)
        _check_inputs(said, config)
        _say_what_is_otherwise(said)
        train(cfg, folder=new)
    different = list(differences(old, new))
    if different:
        more = f"\n  and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise RunError(f"{new} is not the same as {old}:\n  " + "\n  ".join(different[:SHOWN]) + more)
    log.info("%s came to the same as %s: weights, figures and predictions.", new, old)
    return new


def differences(old: Path, new: Path) -> Iterator[str]:
    """What two runs do not have in common: their weights, figures and predictions, a sentence each.

    Raises:
        UserError: for a folder whose run was not done.
    """
    manifests, metrics = (
        [_read(run / name) for run in (old, new)] for name in (f"model/{MANIFEST_FILE}", "metrics.json")
    )
    for name in sorted({*manifests[0], *manifests[1]}):
        if manifests[0].get(name) != manifests[1].get(name):
            yield f"model/{name} is another file"
    for name in sorted({*metrics[0], *metrics[1]}):
        before, now = (figures.get(name) for figures in metrics)
        if before != now and name.rpartition("/")[2] not in OF_TIME:
            yield f"{name} is {now}, and was {before}"
    if (old / PREDICTIONS).read_bytes() != (new / PREDICTIONS).read_bytes():
        yield f"{PREDICTIONS} is another file"


def _check_inputs(said: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """See that every file is what the run read."""
    node = {name: value for name, value in config["data"].items() if name not in SHARED_DATA_KEYS}
    source: Source = make(node, "data", rooms=RUN_ROOMS)
    found = {f"data.{split}": entry for split, entry in hash_tables(source.tables(), known=False).items()}
    before = {f"data.{split}": entry for split, entry in said["data"].items()} | said["files"]
    for key, now in (found | hash_files(config)).items():
        if key in before and before[key]["sha256"] != now["sha256"]:
            raise UserError(
                f"{key}: {now['name']} is not what the run read: its SHA-256 is {now['sha256'][:12]}..., and was "
                f"{before[key]['sha256'][:12]}... Give the file back its content."
            )
    missing = sorted(before.keys() - found.keys() - hash_files(config).keys())
    if missing:
        raise UserError(f"{missing[0]}: {before[missing[0]]['name']} is not there any more.")


def _say_what_is_otherwise(said: Mapping[str, Any]) -> None:
    now, before = packages(), said["versions"]
    changed = [f"{name} {before[name]} -> {now[name]}" for name in now if name in before and before[name] != now[name]]
    if changed:
        log.warning("Other versions than in the run: %s.", ", ".join(changed))
    git, here = said["git"], checkout()
    if git is not None and here is not None and (git["commit"], git["changed"]) != (here["commit"], here["changed"]):
        log.warning("Another seqclf than in the run: it was commit %s%s.", git["commit"], "+" if git["changed"] else "")


def _read(file: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): was the run done?") from error
    return read
