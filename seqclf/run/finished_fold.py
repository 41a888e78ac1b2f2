"""A fold that an earlier start of the same cross-validation has finished: it is not trained again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqclf.data.cache import cache_folder, fingerprint
from seqclf.data.table import Table
from seqclf.run.checkpoints import CHECKPOINTS, LAST, UNFINISHED
from seqclf.run.results import RunResult
from seqclf.run.resume import Leaf, differences, read_saved

log = logging.getLogger("seqclf")

# What leaves everything as it is that a fold has learned and written.
SAME = (("resume",), ("force",), ("check",), ("logger",), ("trainer", "progress_bar"), ("trainer", "save_every"))


def finished(folder: Path, config: Mapping[str, Any], tables: Mapping[str, Table]) -> RunResult | None:
    """What a fold came to, if its folder holds it finished, of this very configuration and data.

    Args:
        folder: of the fold's run.
        config: of the fold's run, plain, interpolations resolved.
        tables: its tables, by split.

    Returns:
        Its result, as it was when it was trained; None for a fold that is to be trained.
    """
    checkpoints, metrics = folder / CHECKPOINTS, folder / "metrics.json"
    if (checkpoints / UNFINISHED).exists() or not (checkpoints / LAST).exists() or not metrics.exists():
        return None
    saved = read_saved(checkpoints / LAST)
    before = OmegaConf.to_container(OmegaConf.create(saved.config), resolve=True)
    changed = [".".join(leaf) for leaf, *_ in differences(before, config) if not _same(leaf)]
    changed += [f"data.{name}" for name, table in tables.items() if saved.data.get(name) != _hash(table)]
    if changed:
        log.info("%s is of another %s, and is trained anew.", folder, changed[0])
        return None
    figures = json.loads(metrics.read_text(encoding="utf-8"))
    return RunResult(figures["score"], figures, folder, folder / "model")


def _same(leaf: Leaf) -> bool:
    return any(leaf[: len(key)] == key for key in SAME)


def _hash(table: Table) -> str:
    return fingerprint(table, cache_folder())
