"""Nothing runs that was loaded: hostile targets and pickles in every role, and a canary that must not appear."""

import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from seqclf.data.files import open_table
from seqclf.data.record_files import _mapped
from seqclf.errors import UserError
from seqclf.inference.model_folder import load_vocabulary
from seqclf.run.checkpoints import ENTRY, AtomicCheckpointIO, read_weights
from seqclf.run.checkpoints import FORMAT as CHECKPOINT_FORMAT
from seqclf.run.compose import compose
from seqclf.run.continued import with_run
from seqclf.run.loaded_config import check_loaded, check_targets
from seqclf.run.provenance import PROVENANCE_FILE
from seqclf.run.repeat import repeat
from seqclf.word_vectors import VectorFile

TARGETS = [
    "os.system",
    "subprocess.run",
    "builtins.eval",
    "builtins.exec",
    "pickle.loads",
    "timeit.timeit",
    "logging.os.system",
    "torch.load",
    "pandas.read_pickle",
    "numpy.load",
    "joblib.load",
    "torch.hub.load",
    "transformers.AutoModel.from_pretrained",
    "pytorch_lightning.LightningModule.load_from_checkpoint",
    "runpy.run_path",
    "hydra.utils.instantiate",
    "seqclf.run.own_parts.import_part",
    "seqclf.run.cli.os.system",
    "seqclf.parts.import_module",
    "seqclf.nn.bag.torch.load",
    "seqclf..nn.bag.Bag",
    " seqclf.nn.bag.Bag",
]
KEYS = [
    "data",
    "tokens",
    "embedder",
    "encoder",
    "multifield",
    "task",
    "loss",
    "optimizer",
    "trainer",
    "logger",
    "callbacks",
]


class Canary:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(compose("data=synthetic"))
    return dict(plain)


def test_the_canary_sings(canary: Path) -> None:
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_hostile_target_is_refused_under_every_key(config: dict[str, Any], target: str, canary: Path) -> None:
    hostile = {"_target_": target, "command": f"touch {canary}", "name": "antigravity.Canary"}
    for key in KEYS if target == TARGETS[0] else ("data", "encoder"):  # each takes a resolved configuration
        with pytest.raises(UserError, match=rf"^run\.json: {key}\._target_: .* is refused"):
            check_loaded(OmegaConf.create({**config, key: hostile}), "run.json")
    with pytest.raises(UserError, match=r"encoder\.deep\[1\]\._target_"):
        check_targets({"encoder": {"deep": [1, hostile]}})
    assert not canary.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": ["os.system"]}, r"parts names 'os\.system'"),
        ({"encoder": "${oc.decode:'{_target_: os.system}'}"}, r"encoder\._target_: 'os\.system' is refused"),
        ({"encoder": {"_target_": "${oc.env:SEQCLF_CACHE}"}}, r"encoder\._target_"),
        ({"data": {"allow_pickle": True}}, r"data\.allow_pickle cannot be set by a file"),
        ({"embedder": {"trust_remote_code": True}}, r"embedder\.trust_remote_code cannot"),
    ],
)
def test_other_ways_to_ask_for_code_are_refused(config: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_loaded(OmegaConf.create({**config, **change}), "run.json")


def test_a_run_that_names_code_is_not_repeated(config: dict[str, Any], tmp_path: Path, canary: Path) -> None:
    hostile = {**config, "logger": {"_target_": "os.system", "command": f"touch {canary}"}}
    said = {"format": 1, "config": hostile, "threads": 1, "folder": str(tmp_path), "data": {}, "files": {}}
    (tmp_path / PROVENANCE_FILE).write_text(json.dumps(said))
    with pytest.raises(UserError, match=r"provenance\.json: logger\._target_: 'os\.system' is refused"):
        repeat(str(tmp_path), str(tmp_path / "again"))
    assert not canary.exists()


def read_table(file: Path) -> Any:
    return list(open_table(file).rows())


def read_vectors(file: Path) -> Any:
    return list(VectorFile(file).words())


ROLES: dict[str, Callable[[Path], Any]] = {
    "last.ckpt": read_weights,
    "other.ckpt": AtomicCheckpointIO().load_checkpoint,
    "ids.npy": _mapped,
    "vectors.txt": read_vectors,
    **dict.fromkeys(("data.csv", "data.jsonl", "data.parquet", "data.xlsx", "data.csv.gz"), read_table),
}


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_a_file_is_not_unpickled(
    name: str, protocol: int, tmp_path: Path, canary: Path
) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Canary(canary), protocol))
    with suppress(Exception):  # whatever the reader says; the text of protocol 0 may even be a table
        ROLES[name](tmp_path / name)
    assert not canary.exists()


def test_objects_in_an_array_of_the_store_are_not_unpickled(tmp_path: Path, canary: Path) -> None:
    np.save(tmp_path / "ids.npy", np.array([Canary(canary)], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"allow_pickle|Python objects"):
        _mapped(tmp_path / "ids.npy")
    assert not canary.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml", "labels.json", "tokenizer.json", "manifest.json"])
def test_a_pickle_in_a_model_folder_is_not_unpickled(name: str, tmp_path: Path, canary: Path) -> None:
    for file in ("model.safetensors", "config.yaml", "labels.json", "tokenizer.json", "manifest.json"):
        (tmp_path / file).write_bytes(b"{}")
    (tmp_path / name).write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(UserError):
        load_vocabulary(tmp_path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "override", ["--config-dir=/tmp", "encoder@hydra.callbacks.own=lstm", "+/encoder@hydra.callbacks.own=lstm"]
)
def test_a_checkpoint_does_not_tell_hydra_what_to_do(tmp_path: Path, override: str) -> None:
    with pytest.raises(UserError, match="refused"):
        with_run([f"resume={checkpoint_of_a_run(tmp_path, [override])}"])


def test_what_hydra_did_for_a_run_is_left_out_when_it_goes_on(tmp_path: Path) -> None:
    hydra = ["hydra.callbacks.own._target_=os.getcwd", "hydra/launcher=joblib", "+hydra.job.env_set.A=1"]
    file = checkpoint_of_a_run(tmp_path, [*hydra, "encoder=lstm"])
    assert with_run([f"resume={file}"])[0] == "encoder=lstm"
    assert not any("own" in each or "launcher" in each or "env_set" in each for each in with_run([f"resume={file}"]))


def test_a_checkpoint_names_no_class_to_import(tmp_path: Path) -> None:
    file = checkpoint_of_a_run(tmp_path, ["parts=[antigravity.fly]"], parts=["antigravity.fly"])
    with pytest.raises(UserError, match=r"antigravity\.fly"):
        with_run([f"resume={file}"])
    assert "parts=[antigravity.fly]" in with_run(["parts=[antigravity.fly]", f"resume={file}"])


def checkpoint_of_a_run(folder: Path, overrides: list[str], **config: Any) -> Path:
    said = {"config": config, "overrides": overrides, "data": {}, "epoch": 1, "done": 0, "whole": 1, "ranks": 1}
    torch.save({ENTRY: {"format": CHECKPOINT_FORMAT, "best": None, **said}}, folder / "some.ckpt")
    return folder / "some.ckpt"
