"""Going on with a run that was stopped: where it stands, and whether it is the same run."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from seqclf.data.cache import cache_folder, fingerprint
from seqclf.data.source import Tables
from seqclf.errors import UserError
from seqclf.run.checkpoints import CHECKPOINTS, ENTRY, FORMAT, LAST, UNFINISHED, newest
from seqclf.text.vocabulary import Vocabulary

log = logging.getLogger("seqclf")

NEVER = "never"  # begin anew, even where the folder holds an unfinished run
# What may be otherwise when a run goes on: none of it changes what is learned from which records.
FREE = (("trainer",), ("logger",), ("baselines",), ("compile",), ("check",), ("resume",), ("force",), ("parts",))
FREE_OF_DATA = (("data", "num_workers"), ("data", "engine"))
KEPT = (("trainer", "limit_train_batches"), ("trainer", "accumulate_grad_batches"))  # the order hangs on these
Leaf = tuple[str, ...]


@dataclass(frozen=True)
class Saved:
    """What a checkpoint says of its run.

    Attributes:
        file: the checkpoint.
        config: the run's configuration, interpolations as they were written.
        overrides: what was typed to compose it; None where that is not known.
        data: the hash of every table by split, and of the vocabulary.
        epoch: how many epochs are over.
        done: how many batches of the next one are.
        whole: how many it has.
        ranks: how many processes there were.
        best: the epoch with the best monitored figure; None before the first is over.
    """

    file: Path
    config: dict[str, Any]
    overrides: list[str] | None
    data: dict[str, str]
    epoch: int
    done: int
    whole: int
    ranks: int
    best: int | None

    @property
    def folder(self) -> Path | None:
        """The folder of the run; None for a checkpoint that lies elsewhere."""
        return self.file.parent.parent if self.file.parent.name == CHECKPOINTS else None

    def check(self, config: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
        """See that this is the run that goes on, and say from where.

        Args:
            config: plain containers, interpolations resolved.
            record: what the checkpoints of this run will say of it.

        Returns:
            The record, with what the run was composed from where that is not known by now.

        Raises:
            UserError: for another configuration or other data.
        """
        self.check_config(config)
        self.check_data(record["data"], bool(config["force"]))
        place = f"after epoch {self.epoch}" if not self.done else f"in epoch {self.epoch + 1}, after batch {self.done}"
        log.info("Going on from %s, %s.", self.file, place)
        return {**record, "overrides": record["overrides"] or self.overrides}

    def check_config(self, config: Mapping[str, Any]) -> None:
        """See that a configuration is that of the run, but for what may change.

        Args:
            config: plain containers, interpolations resolved.

        Raises:
            UserError: for the first key that is otherwise.
        """
        own = OmegaConf.to_container(OmegaConf.create(self.config), resolve=True)
        for leaf, before, now in differences(own, config):
            if not may_change(leaf):
                key = ".".join(leaf[:-1] if leaf[-1] == "_target_" else leaf)
                raise UserError(
                    f"{key} is {now!r}, but {before!r} in the run that {self.file} is of: data, model and seed stay as "
                    "they are when a run goes on. Leave it out; or begin anew with resume=never, or in another folder."
                )

    def check_data(self, data: Mapping[str, str], force: bool) -> None:
        """See that the data is what the run was trained on.

        Args:
            data: what `data_hashes` says now.
            force: whether other records will do, as long as words and labels are the same.

        Raises:
            UserError: for data that has changed.
        """
        for name, now in data.items():
            before = self.data.get(name)
            if before == now:
                continue
            if name == "vocabulary":
                raise UserError(
                    f"The words or labels of the training data are not those that {self.file} was trained on: it "
                    "cannot go on. Give it the same data, or begin anew with resume=never."
                )
            if not force:
                raise UserError(
                    f"data.{name} has changed since {self.file} was written (SHA-256 {str(before)[:12]}, now "
                    f"{now[:12]}). Give it the same data, or type force=true to go on with other records."
                )
            log.warning("data.%s has changed since %s was written; going on, as force=true asks.", name, self.file)


def read_saved(file: Path) -> Saved:
    """What a checkpoint says of its run; its tensors are not read.

    Raises:
        UserError: for a file that is no checkpoint of a run.
    """
    try:
        entry = torch.load(file, map_location="cpu", weights_only=True, mmap=True)[ENTRY]
    except Exception as error:
        raise UserError(f"{file} is no checkpoint that a run can go on from ({type(error).__name__}).") from error
    if entry["format"] != FORMAT:
        raise UserError(
            f"{file} was written by another version of seqclf (its format is {entry['format']}, this one reads "
            f"{FORMAT}): go on with that version, or start from its model with init_from."
        )
    names = ("config", "overrides", "data", "epoch", "done", "whole", "ranks", "best")
    return Saved(file, **{name: entry[name] for name in names})


def find_saved(target: str) -> Saved:
    """The run that `resume` names.

    Args:
        target: a run's folder, its folder of checkpoints, or a checkpoint.

    Raises:
        UserError: where there is none, or only a damaged one.
    """
    path = Path(target).expanduser().absolute()
    if path.is_file():
        folder = path.parent if path.name == LAST else None  # of the last there is one before it
        return read_saved((newest(folder) if folder is not None else None) or path)
    for folder in (path / CHECKPOINTS, path):
        found = newest(folder)
        if found is not None:
            return read_saved(found)
    raise UserError(
        f"resume={target}: there is no checkpoint. Give a run's folder, or a file like RUN/checkpoints/{LAST}."
    )


def saved_run(resume: str | None, folder: Path) -> Saved | None:
    """The run to go on with; None to begin one.

    Args:
        resume: a run's folder or a checkpoint; None for the unfinished run in `folder`, if there is one; `never`.
        folder: where this run goes.

    Raises:
        UserError: where there is nothing to go on from.
    """
    found = [_file_of(resume, folder) if not dist.is_initialized() or dist.get_rank() == 0 else None]
    if dist.is_initialized():  # rank 0 knows; the others might look while it makes the folder ready
        dist.broadcast_object_list(found, 0)
    return None if found[0] is None else read_saved(Path(found[0]))


def _file_of(resume: str | None, folder: Path) -> str | None:
    if resume is None:  # the run in this folder that was stopped before it was done
        checkpoints = folder / CHECKPOINTS
        found = newest(checkpoints) if (checkpoints / UNFINISHED).exists() else None
        return None if found is None else str(found)
    return None if resume == NEVER else str(find_saved(resume).file)


def typed_overrides() -> list[str] | None:
    """What was typed to compose the configuration of this job; None where that is not known."""
    if not HydraConfig.initialized():
        return None
    typed: Any = OmegaConf.to_container(HydraConfig.get().overrides.task)  # reading the items would resolve them
    return list(typed)


def data_hashes(tables: Tables, vocabulary: Vocabulary) -> dict[str, str]:
    """The SHA-256 of every table by split, remembered while file, size and time are the same; and of the vocabulary."""
    named = {"train": tables.train, "validation": tables.validation, "test": tables.test}
    hashes = {split: fingerprint(table, cache_folder()) for split, table in named.items() if table is not None}
    said = json.dumps([vocabulary.tokenizer.to_str(), vocabulary.labels, vocabulary.fields])
    return {**hashes, "vocabulary": hashlib.sha256(said.encode()).hexdigest()}


def differences(before: Any, now: Any, leaf: Leaf = ()) -> Iterator[tuple[Leaf, Any, Any]]:
    """Where two configurations are not the same: the key, and both values; keys that only one has are passed over."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted(before.keys() & now.keys(), key=lambda key: key != "_target_"):
            yield from differences(before[key], now[key], (*leaf, str(key)))
    elif before != now:
        yield leaf, before, now


def may_change(leaf: Leaf) -> bool:
    """Whether a key may have another value when a run goes on."""
    if any(leaf[: len(key)] == key for key in KEPT):
        return False
    return any(leaf[: len(key)] == key for key in (*FREE, *FREE_OF_DATA))
