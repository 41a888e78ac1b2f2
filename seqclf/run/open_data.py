"""The data of a run, opened and numbered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.source import Source
from seqclf.data.store import Store, build_store
from seqclf.errors import UserError
from seqclf.parts import RUN_ROOMS, Parts, is_part, make, resolve
from seqclf.run.progress import watching
from seqclf.run.ray_each import engine_of
from seqclf.text.vocabulary import Vocabulary
from seqclf.token_features import word_indexers

SHARED_DATA_KEYS = ("batch_size", "max_tokens", "validation_size", "split_seed", "sampler", "num_workers", "engine")


def open_data(config: Mapping[str, Any], parts: Parts = (), start: Vocabulary | None = None) -> tuple[Source, Store]:
    """The source that `data` names, and the store of its numbered records; `start` is a vocabulary to be grown.

    Raises:
        UserError: for data that cannot be read, that the task does not read, or that leaves nothing to choose by.
    """
    node = {name: value for name, value in config["data"].items() if name not in SHARED_DATA_KEYS}
    source: Source = make(node, "data", rooms=RUN_ROOMS)
    task: type[SequenceClassifier] = resolve(str(config["task"]["_target_"]), "task", parts)
    task.check_inputs(source.num_inputs)
    tokenization = make(config["tokens"], "tokens", rooms=RUN_ROOMS)
    if (tokenization if start is None else start).segment == "sentences":
        source.allow_lists()
    with watching() as progress, engine_of(config["data"].get("engine", "here")) as each:
        store = build_store(
            source,
            tokenization,
            validation_size=config["data"]["validation_size"],
            split_seed=config["data"]["split_seed"],
            join_fields=not is_part(config["multifield"]),
            start=start,
            word_indexers=word_indexers(config["embedder"], config.get("wide"), parts),
            progress=progress,
            multilabel=task.multilabel,
            cross=config["task"].get("interaction") == "cross",
            each=each,
        )
    if store.validation is None or len(store.validation) == 0:
        raise UserError(
            f"None of the {len(store.train)} training records is left to choose the epoch by. Give "
            "data.validation=FILE, or more records, or a larger data.validation_size."
        )
    return source, store
