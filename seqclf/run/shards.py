"""Predictions for a folder of files, one file after another or by the workers of a Ray cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqclf.data.files import files_of
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.inference.row_writers import FORMATS
from seqclf.run.predictor import Predictor
from seqclf.run.process import inference_settings
from seqclf.run.progress import watching
from seqclf.run.ray_cluster import cluster, ray_data
from seqclf.run.ray_each import Engine

SETTINGS = "_settings.json"  # whoever reads a folder of shards passes over names that begin so


class Shard(NamedTuple):
    """A file of records, and the file of its predictions."""

    input: Path
    output: Path

    def stamp(self) -> list[int]:
        """Size and time of change in ns of the records."""
        status = self.input.stat()
        return [status.st_size, status.st_mtime_ns]


def predict_folder(
    predictor: Predictor, folder: Path, output: Path, engine: Engine, resume: bool, threads: int | None
) -> int:
    """Predict every file of a folder into a file of the same name.

    Args:
        predictor: the model, and how its predictions are given.
        folder: of the files; what ends otherwise than files of records do is passed over.
        output: the folder of the predictions; each file is there whole or not at all.
        engine: "here", one file after another; "ray", each by a worker of a Ray cluster that sees both folders.
        resume: whether to go on with what the same command has begun; files that are predicted are passed over.
        threads: for torch on the CPU; None for one per core, or with Ray for one.

    Returns:
        How many records were predicted now.

    Raises:
        UserError: for a folder without files of records, other predictions in `output`, and whatever is wrong with one
            of the files.
    """
    shards = shards_of(folder, output)
    todo = _missing(shards, predictor, output, resume)
    if engine == "ray":
        return _by_ray(predictor.unread(), todo, resume, threads or 1) if todo else 0
    with inference_settings(threads), watching() as progress:
        return sum(predictor.write(*shard, resume, progress) for shard in todo)


def shards_of(folder: Path, output: Path) -> list[Shard]:
    """The files of records in a folder by name, and where their predictions go: a kind that is only read becomes csv.

    Raises:
        UserError: where there is none, or where two would go into one.
    """
    shards: dict[str, Shard] = {}
    for file in files_of(folder):
        name = file.name if file.suffix in FORMATS else f"{file.name}.csv"
        if name in shards:
            raise UserError(f"The predictions of {shards[name].input} and {file} would both be {name}: rename one.")
        shards[name] = Shard(file.resolve(), (output / name).resolve())
    return list(shards.values())


def _missing(shards: Sequence[Shard], predictor: Predictor, output: Path, resume: bool) -> list[Shard]:
    """The shards that are not predicted yet; those that are were so by the same model, in the same way."""
    done = [shard for shard in shards if shard.output.exists()]
    if done and not resume:
        raise UserError(
            f"{output} holds predictions already ({done[0].output.name}). resume=true goes on with them; else name "
            "another folder."
        )
    settings = {**predictor.settings(), "top_k": predictor.decision.top_k}
    written = json.loads(json.dumps({**settings, "files": {shard.input.name: shard.stamp() for shard in shards}}))
    file = output / SETTINGS
    if done:
        found = _read(file)
        changed = [name for name in settings if found.get(name) != written[name]]
        stamps = found.get("files", {})
        changed += [str(shard.input) for shard in done if stamps.get(shard.input.name) != shard.stamp()]
        if changed:
            raise UserError(
                f"{output} holds other predictions: {', '.join(changed)} changed since. Type what was typed then, or "
                "name another folder."
            )
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(written, indent=1), encoding="utf-8")
    return [shard for shard in shards if shard not in done]


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file} cannot be read ({error}), so nothing says what the folder holds.") from error


def _by_ray(predictor: Predictor, todo: Sequence[Shard], resume: bool, threads: int) -> int:
    here = os.getcwd()

    class Worker:
        """A process of the cluster; it reads the model once."""

        def __init__(self) -> None:
            os.chdir(here)

        def __call__(self, item: dict[str, str]) -> dict[str, Any]:
            try:
                with inference_settings(threads):
                    return {"records": predictor.write(Path(item["input"]), Path(item["output"]), resume), "error": ""}
            except UserError as error:
                return {"records": 0, "error": str(error)}

    with cluster() as workers:
        data = ray_data()
        items = [{"input": str(shard.input), "output": str(shard.output)} for shard in todo]
        pool = data.ActorPoolStrategy(size=min(workers, len(items)))
        rows = data.from_items(items, override_num_blocks=len(items)).map(Worker, num_cpus=1, compute=pool).take_all()
    return _sum(rows)


def _sum(rows: Iterable[dict[str, Any]]) -> int:
    rows = list(rows)
    wrong = [row["error"] for row in rows if row["error"]]
    if wrong:
        raise UserError(f"{len(wrong)} of {len(rows)} files could not be predicted. The first: {wrong[0]}")
    return sum(row["records"] for row in rows)
