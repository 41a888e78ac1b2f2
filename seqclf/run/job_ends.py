"""How a run ends when it does not end with a score."""

from contextlib import suppress
from pathlib import Path
from shutil import rmtree


class JobFailed(Exception):  # noqa: N818  # what happened, not what is wrong
    """A job of a sweep failed and has said so itself.

    Args:
        exit_code: what the job alone would have exited with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class JobPruned(Exception):  # noqa: N818  # neither is wrong
    """A search stopped a run that was behind the others."""


def remove_unused(folder: Path) -> None:
    """A mistake that was found before anything was written leaves no folder behind."""
    if [path.name for path in folder.iterdir()] == [".hydra"]:
        rmtree(folder / ".hydra")
        for empty in (folder, folder.parent):
            with suppress(OSError):  # other runs have the same date
                if empty != Path.cwd():
                    empty.rmdir()
