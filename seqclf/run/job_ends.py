"""How a job of a sweep ends when it does not end with a score."""


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
