"""How a run can be repeated: provenance.json, and changes.diff where the checkout was changed."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from seqclf.data.cache import cache_folder, fingerprint
from seqclf.data.source import Tables
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.inference.model_folder import MANIFEST_FILE
from seqclf.run.environment_values import Values, environment_values, hide, leaves, refuse_in_model, without

PROVENANCE_FILE, DIFF_FILE = "provenance.json", "changes.diff"
FORMAT = 1
SPLITS = ("train", "validation", "test")
_NAME_OR_VERSION = re.compile(r"^(Name|Version): *(\S+)", re.MULTILINE)


class Origin(NamedTuple):
    """Where a run's configuration comes from.

    Attributes:
        written: the configuration in plain containers, interpolations as they are written.
        command: what was typed; None where the run was not started from a command line.
        values: the keys whose values come from the environment.
    """

    written: dict[str, Any]
    command: list[str] | None
    values: Values

    def without_values(self, config: Mapping[str, Any]) -> Any:
        """The resolved configuration as others may keep it: with nothing of the environment in it."""
        return without(config, self.values)

    def from_the_start(self) -> Origin:
        """The same for who repeats the run: one that went on is repeated from its start."""
        return self._replace(written={**self.written, "resume": None})


def origin_of(cfg: DictConfig | Mapping[str, Any]) -> Origin:
    """Where this configuration, as it was composed, comes from."""
    written: Any = OmegaConf.to_container(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    return Origin({key: node for key, node in written.items() if key != "hydra"}, _command(), environment_values(cfg))


def write_provenance(
    folder: Path, config: Mapping[str, Any], origin: Origin, tables: Tables, architecture: Mapping[str, Any] | None
) -> None:
    """Write down all that the run's result depends on; nothing of the environment is among it.

    Args:
        folder: the run's.
        config: plain and resolved.
        origin: where it comes from.
        tables: the data.
        architecture: what the model folder will say of the model.

    Raises:
        UserError: for text of the environment that shapes the model.
    """
    refuse_in_model(origin.values, architecture)
    git = checkout()
    said = {
        "format": FORMAT,
        "command": origin.command,
        "folder": str(Path.cwd()),
        "seed": int(config["seed"]),
        "threads": torch.get_num_threads(),
        "data": _named(hash_tables(tables), origin.values),
        "files": _named(hash_files(config), origin.values),
        "git": None if git is None else {name: value for name, value in git.items() if name != "diff"},
        "machine": {"system": platform.platform(), "processor": platform.machine(), "gpus": _gpus()},
        "versions": {"python": platform.python_version(), **packages()},
        "config": origin.written,
    }
    _write(folder / PROVENANCE_FILE, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    if git is not None and git["diff"]:
        _write(folder / DIFF_FILE, git["diff"])


def read_provenance(run: Path) -> dict[str, Any]:
    """What `write_provenance` wrote.

    Args:
        run: a run's folder.

    Raises:
        UserError: for a folder without it, or one that another seqclf wrote.
    """
    file = run / PROVENANCE_FILE
    if not file.is_file():
        raise UserError(f"{run} is not the folder of a run: there is no {PROVENANCE_FILE} in it.")
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is broken: {error}.") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT or not isinstance(said.get("config"), dict):
        found = said.get("format") if isinstance(said, dict) else None
        raise UserError(f"{file}: its format is {found!r}, but this seqclf reads format {FORMAT}.")
    return said


def hash_tables(tables: Tables, known: bool = True) -> dict[str, dict[str, Any]]:
    """Name and fingerprint of each table, by split.

    Args:
        tables: the data.
        known: whether a fingerprint may be remembered from the last reading of a file of this size and time.
    """
    named = {split: getattr(tables, split) for split in SPLITS}
    return {split: _describe(table, known) for split, table in named.items() if table is not None}


def hash_files(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every other file that the configuration names, by key: its path and SHA-256; of a model folder its manifest's."""
    found = {}
    for key, value in leaves({name: node for name, node in config.items() if name not in ("data", "resume")}):
        if not isinstance(value, str) or not value or len(value) > 4096 or "\n" in value:
            continue
        path = Path(value) / MANIFEST_FILE if Path(value).is_dir() else Path(value)
        if path.is_file():
            with path.open("rb") as file:
                found[key] = {"name": value, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return found


@cache
def packages() -> dict[str, str]:
    """Every installed package and its version."""
    heads = ((there.read_text("METADATA") or there.read_text("PKG-INFO") or "") for there in distributions())
    fields = (dict(reversed(_NAME_OR_VERSION.findall(head))) for head in heads)  # first of each; quick
    found = {each["Name"]: each["Version"] for each in fields if len(each) == 2}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


@cache
def checkout() -> dict[str, Any] | None:
    """The git checkout that seqclf runs from, as it was when this was first asked; None outside of one.

    Returns:
        `commit`, the names of `changed` and of `untracked` files, and the `diff` of the changed ones.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit, status = _git(folder, "rev-parse", "HEAD").strip(), _git(folder, "status", "--porcelain")
        lines = status.splitlines()
        diff = _git(folder, "diff", "HEAD") if lines else ""
    except (OSError, subprocess.SubprocessError):
        return None
    changed, untracked = ([line[3:] for line in lines if line.startswith("??") == new] for new in (False, True))
    return {"commit": commit, "changed": changed, "untracked": untracked, "diff": diff}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotepath=off", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=30)
    return ran.stdout.decode("utf-8", "surrogateescape")


def _command() -> list[str] | None:
    """What was typed; None where the run was not started from a command line."""
    if not HydraConfig.initialized():
        return None
    typed: Any = OmegaConf.to_container(HydraConfig.get().overrides.task)  # reading the items would resolve them
    return [sys.argv[0], *typed]


def _describe(table: Table, known: bool) -> dict[str, Any]:
    return {"name": table.name, "sha256": fingerprint(table, cache_folder()) if known else table.fingerprint()}


def _gpus() -> list[str]:
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _named(found: dict[str, dict[str, Any]], secret: Values) -> dict[str, dict[str, Any]]:
    return {key: {**entry, "name": hide(entry["name"], secret)} for key, entry in found.items()}


@rank_zero_only
def _write(file: Path, text: str) -> None:
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
