"""A quick start of the commands: torchmetrics without what it imports for speech, pictures and text generation.

Wherever they are installed, torchmetrics imports transformers, SciPy's signal processing and matplotlib (3.0 of the 3.1
CPU seconds that it takes after torch). None of them serves a classifier's metrics. Only the commands do this, each in a
process of its own: what `import seqclf` gives a notebook is the whole of torchmetrics.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

UNUSED = ("matplotlib", "scipy", "transformers")


def lean_imports() -> None:
    """From now on torchmetrics is imported as if `UNUSED` were not installed; all else imports them as ever."""
    if not any(isinstance(finder, _LeanTorchmetrics) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LeanTorchmetrics())


class _LeanTorchmetrics:
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "torchmetrics" else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_lean(module: ModuleType) -> None:
            with _not_installed([name for name in UNUSED if name not in sys.modules]):
                execute(module)

        spec.loader.exec_module = execute_lean  # type: ignore[method-assign]
        return spec


@contextmanager
def _not_installed(names: Sequence[str]) -> Iterator[None]:
    from lightning_utilities.core import imports

    is_met = imports.RequirementCache.__bool__

    def is_met_here(requirement: imports.RequirementCache) -> bool:
        if re.split("[<>=]", requirement.requirement or "")[0] not in names:
            return is_met(requirement)
        requirement.available = False  # for good: torchmetrics then says itself that it cannot
        requirement.message = f"{requirement.requirement} is left out of torchmetrics by seqclf's commands"
        return False

    absent = _Absent(names)
    sys.meta_path.insert(0, absent)
    imports.RequirementCache.__bool__ = is_met_here  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        imports.RequirementCache.__bool__ = is_met  # type: ignore[method-assign]
        sys.meta_path.remove(absent)
        for remembered in (imports.package_available, imports.module_available):
            remembered.cache_clear()  # others may ask


class _Absent:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is left out of torchmetrics", name=name)
        return None
