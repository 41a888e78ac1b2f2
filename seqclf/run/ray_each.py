"""Work that is done item by item, by the workers of a Ray cluster."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, TypeVar

from seqclf.data.store_shards import Each
from seqclf.errors import UserError, nearest
from seqclf.run.ray_cluster import cluster, ray_data

Engine = Literal["here", "ray"]
ENGINES = ("here", "ray")
Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def engine_of(name: str) -> Iterator[Each | None]:
    """Who reads the tables of a store: the workers of a Ray cluster, which is asked for when they are; or None.

    Raises:
        UserError: for another name than "here" and "ray", and where Ray is not installed.
    """
    if name not in ENGINES:
        raise UserError(f"data.engine cannot be {name!r}. {nearest(name, ENGINES)}")
    if name == "here":
        yield None
        return
    ray_data()
    with ExitStack() as connected:
        yield RayEach(connected)


class RayEach:
    """Has a function called for each item by the workers of a Ray cluster, through Ray Data.

    Args:
        connected: keeps the cluster, from the first call until it is left.
    """

    def __init__(self, connected: ExitStack) -> None:
        self._connected = connected
        self._joined = False

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """What the function gives for each item, in their order.

        Raises:
            UserError: what it has raised for an item, when its turn comes; an OSError too is told so.
        """
        here = os.getcwd()

        def call(row: dict[str, bytes]) -> dict[str, Any]:
            os.environ["TOKENIZERS_PARALLELISM"] = "false"  # a worker has one core
            try:
                os.chdir(here)
                return {"result": pickle.dumps(function(pickle.loads(row["item"]))), "error": ""}
            except (UserError, OSError) as error:  # a folder that the worker does not see, a full disk
                return {"result": b"", "error": str(error)}

        if not self._joined:
            self._connected.enter_context(cluster())
            self._joined = True
        data = ray_data()
        data.DataContext.get_current().execution_options.preserve_order = True
        rows = [{"item": pickle.dumps(item)} for item in items]
        for row in data.from_items(rows, override_num_blocks=len(rows)).map(call, num_cpus=1).iter_rows():
            if row["error"]:
                raise UserError(row["error"])
            result: Result = pickle.loads(row["result"])  # of a worker of our own
            yield result
