"""A Ray cluster to work on: the one that RAY_ADDRESS names, or one on this machine for as long as it is needed."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqclf.errors import RunError, UserError

OBJECT_STORE = 256 * 2**20  # bytes; what goes through it is names of files and figures
HANDED_ON = ("SEQCLF_CACHE", "PYTHONPATH", "OMP_NUM_THREADS", "HF_HUB_OFFLINE")


def ray_module(name: str) -> Any:
    """A module of Ray, which is imported where it is used alone.

    Raises:
        UserError: where Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"Ray is not installed ({error}): pip install 'seqclf[ray]'") from error


def ray_data() -> Any:
    """Ray Data, which shows no bars and tells of nothing but trouble."""
    data = ray_module("ray.data")
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return data


@contextmanager
def cluster(workers: int = 0) -> Iterator[int]:
    """Be connected to a cluster; one that was started here, without dashboard and telemetry, is gone afterwards.

    Args:
        workers: how many processes it must have room for, if it is started here; 0 for one per core.

    Yields:
        How many processes it has room for.

    Raises:
        RunError: where it cannot be started, or reached.
    """
    ray = ray_module("ray")
    if ray.is_initialized():
        yield int(ray.cluster_resources().get("CPU", 1))
        return
    named = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    settings: dict[str, Any] = {"runtime_env": {"env_vars": named}, "log_to_driver": False, "logging_level": "warning"}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        if "RAY_ADDRESS" not in os.environ:
            settings |= {
                "address": "local",
                "num_cpus": max(os.cpu_count() or 1, workers),
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": folder,
            }
        try:
            with _own_handlers():
                _begin(ray, settings)
            yield int(ray.cluster_resources().get("CPU", 1))
        finally:
            ray.shutdown()


def _begin(ray: Any, settings: dict[str, Any]) -> None:
    try:
        ray.init(**settings)
    except Exception as error:
        raise RunError(f"Ray did not start, or did not answer: {error}") from error


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Signals are handled as before: Ray would take SIGTERM for itself, and end with another exit code."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)
